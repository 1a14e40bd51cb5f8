"""How rules of online false discovery rate spread what they may spend over the tests to come."""

import math


def slow_gamma(age: int) -> float:
    """Return the share of its wealth that LORD++ and mem-LORD spend on the ``age``-th test (from 1); the sum is 0.976.

    From Ramdas, Yang, Wainwright and Jordan (2017); it falls a little faster than 1 / age.

    >>> round(slow_gamma(1), 4), round(slow_gamma(1000), 7)
    (0.0535, 3.85e-05)
    """
    logarithm = math.log(age)
    return 0.07720838 * max(math.log(2.0), logarithm) / (age * math.exp(math.sqrt(logarithm)))


def fast_gamma(age: int) -> float:
    """Return the share of its wealth that SAFFRON and ADDIS spend on the ``age``-th test that counts; the sum is 1.

    >>> round(fast_gamma(1), 4)
    0.4375
    """
    power: float = age**1.6
    return 0.4374901658 / power
