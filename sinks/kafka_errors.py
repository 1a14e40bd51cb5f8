"""What the errors of a Kafka broker, and of its client, mean for a delivery.

Source: https://kafka.apache.org/protocol#protocol_error_codes, and librdkafka's ``rdkafka.h`` for those of the client.
"""

from collections.abc import Mapping

from confluent_kafka import KafkaError

from sinks.contract import Failure, Reason

# (reason, permanent, ambiguous): what is not here may pass by itself, and may have been written.
ERRORS: Mapping[int, tuple[Reason, bool, bool]] = {
    KafkaError.UNKNOWN_TOPIC_OR_PART: (Reason.BAD_RECIPIENT, True, False),
    KafkaError._UNKNOWN_TOPIC: (Reason.BAD_RECIPIENT, True, False),  # noqa: SLF001
    KafkaError._UNKNOWN_PARTITION: (Reason.BAD_RECIPIENT, True, False),  # noqa: SLF001
    KafkaError.TOPIC_EXCEPTION: (Reason.BAD_RECIPIENT, True, False),  # the name is none
    KafkaError.TOPIC_AUTHORIZATION_FAILED: (Reason.AUTH, True, False),
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: (Reason.AUTH, True, False),
    KafkaError.SASL_AUTHENTICATION_FAILED: (Reason.AUTH, True, False),
    KafkaError.UNSUPPORTED_SASL_MECHANISM: (Reason.AUTH, True, False),
    KafkaError.ILLEGAL_SASL_STATE: (Reason.AUTH, True, False),
    KafkaError._AUTHENTICATION: (Reason.AUTH, True, False),  # noqa: SLF001
    KafkaError._SSL: (Reason.AUTH, True, False),  # noqa: SLF001 - the certificate is not what the settings trust
    KafkaError.MSG_SIZE_TOO_LARGE: (Reason.REJECTED, True, False),
    KafkaError.RECORD_LIST_TOO_LARGE: (Reason.REJECTED, True, False),
    KafkaError.INVALID_MSG_SIZE: (Reason.REJECTED, True, False),
    KafkaError.INVALID_RECORD: (Reason.REJECTED, True, False),  # a compacted topic without a key, for one
    KafkaError.INVALID_TIMESTAMP: (Reason.REJECTED, True, False),
    KafkaError.POLICY_VIOLATION: (Reason.REJECTED, True, False),
    KafkaError.UNSUPPORTED_FOR_MESSAGE_FORMAT: (Reason.REJECTED, True, False),
    KafkaError.UNSUPPORTED_VERSION: (Reason.REJECTED, True, False),
    KafkaError.INVALID_REQUIRED_ACKS: (Reason.REJECTED, True, False),
    KafkaError._INVALID_ARG: (Reason.REJECTED, True, False),  # noqa: SLF001
    KafkaError.NOT_ENOUGH_REPLICAS: (Reason.SERVER_ERROR, False, False),
    KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND: (Reason.SERVER_ERROR, False, True),
    KafkaError.LEADER_NOT_AVAILABLE: (Reason.SERVER_ERROR, False, False),
    KafkaError.NOT_LEADER_FOR_PARTITION: (Reason.SERVER_ERROR, False, False),
    KafkaError.BROKER_NOT_AVAILABLE: (Reason.SERVER_ERROR, False, False),
    KafkaError.KAFKA_STORAGE_ERROR: (Reason.SERVER_ERROR, False, True),
    KafkaError.THROTTLING_QUOTA_EXCEEDED: (Reason.RATE_LIMITED, False, False),
    KafkaError._QUEUE_FULL: (Reason.RATE_LIMITED, False, False),  # noqa: SLF001 - our own queue
    KafkaError.REQUEST_TIMED_OUT: (Reason.TIMEOUT, False, True),
    KafkaError._TIMED_OUT: (Reason.TIMEOUT, False, True),  # noqa: SLF001
    KafkaError._MSG_TIMED_OUT: (Reason.TIMEOUT, False, True),  # noqa: SLF001
    KafkaError._TRANSPORT: (Reason.UNREACHABLE, False, True),  # noqa: SLF001
    KafkaError.NETWORK_EXCEPTION: (Reason.UNREACHABLE, False, True),
    KafkaError._ALL_BROKERS_DOWN: (Reason.UNREACHABLE, False, True),  # noqa: SLF001
    KafkaError._RESOLVE: (Reason.UNREACHABLE, False, False),  # noqa: SLF001
}


def kafka_failure(error: KafkaError, *, sent: bool) -> Failure:
    """Return what an error means. Its own words stay out: they name hosts and repeat what we sent.

    Args:
        error: of a delivery report, or of a question to the cluster.
        sent: whether the record was given away; before it, nothing is ambiguous.
    """
    reason, is_permanent, ambiguous = ERRORS.get(int(error.code()), (Reason.SERVER_ERROR, False, True))
    return Failure(
        reason=reason,
        permanent=is_permanent,
        detail=f"Kafka says {error.name()} ({int(error.code())})",
        ambiguous=ambiguous and sent,
    )
