"""What Kafka records hold when it is not JSON: Avro, Protobuf, JSON Schema, with schemas from a registry.

A package of its own because the registry's client is slow to import; only feeds that need it import what is inside.
"""
