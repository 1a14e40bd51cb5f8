"""Every metric of the product, declared: name, type, labels and what bounds them, unit, help. Names are public.

Those who count build their metrics from here (:mod:`config.metrics.build`); the reference page, the dashboards and the
rules are checked against it. A metric that is not declared here cannot be exported, and a label cannot be declared
without saying what bounds its values.
"""
