"""What Twilio's error codes mean for a delivery. Source: https://www.twilio.com/docs/api/errors."""

from collections.abc import Mapping

from sinks.contract import Reason

# https://www.twilio.com/docs/api/errors: (reason, permanent) by Twilio's own code; other codes go by their HTTP status.
ERRORS: Mapping[int, tuple[Reason, bool]] = {
    10001: (Reason.AUTH, True),  # account is not active
    10002: (Reason.AUTH, True),  # trial accounts do not support this
    10004: (Reason.RATE_LIMITED, False),  # call concurrency limit exceeded
    10005: (Reason.AUTH, True),  # voice calling has been disabled for this account
    20003: (Reason.AUTH, True),  # authentication error
    20005: (Reason.AUTH, True),  # account not active
    20006: (Reason.AUTH, True),  # access denied
    20008: (Reason.AUTH, True),  # not accessible with test credentials
    20403: (Reason.AUTH, True),  # forbidden
    20404: (Reason.REJECTED, True),  # resource not found: the account's id is wrong
    20429: (Reason.RATE_LIMITED, False),  # too many requests
    20500: (Reason.SERVER_ERROR, False),  # internal server error
    20503: (Reason.SERVER_ERROR, False),  # service unavailable
    21201: (Reason.BAD_RECIPIENT, True),  # no 'To' number
    21202: (Reason.BAD_RECIPIENT, True),  # 'To' is a premium number
    21203: (Reason.BAD_RECIPIENT, True),  # international calling is not enabled
    21205: (Reason.REJECTED, True),  # invalid URL
    21208: (Reason.REJECTED, True),  # invalid timeout
    21209: (Reason.REJECTED, True),  # invalid method
    21210: (Reason.REJECTED, True),  # 'From' is not a verified number
    21211: (Reason.BAD_RECIPIENT, True),  # invalid 'To' number
    21212: (Reason.REJECTED, True),  # invalid 'From' number
    21213: (Reason.REJECTED, True),  # 'From' is required
    21214: (Reason.BAD_RECIPIENT, True),  # 'To' number cannot be reached
    21215: (Reason.BAD_RECIPIENT, True),  # geographic permissions do not allow the call
    21216: (Reason.BAD_RECIPIENT, True),  # call blocked by Twilio
    21217: (Reason.BAD_RECIPIENT, True),  # number does not appear to be valid
    21219: (Reason.BAD_RECIPIENT, True),  # 'To' number not verified
    21265: (Reason.BAD_RECIPIENT, True),  # 'To' is a short code
    21266: (Reason.BAD_RECIPIENT, True),  # 'To' and 'From' are the same
    21408: (Reason.BAD_RECIPIENT, True),  # permission for the region is not enabled
    21601: (Reason.REJECTED, True),  # number cannot send SMS
    21602: (Reason.REJECTED, True),  # body is required
    21603: (Reason.REJECTED, True),  # 'From' is required
    21604: (Reason.BAD_RECIPIENT, True),  # 'To' is required
    21606: (Reason.REJECTED, True),  # 'From' is not a valid number of the account
    21608: (Reason.BAD_RECIPIENT, True),  # unverified number, trial account
    21609: (Reason.REJECTED, True),  # invalid status callback
    21610: (Reason.BAD_RECIPIENT, True),  # recipient has unsubscribed
    21611: (Reason.RATE_LIMITED, False),  # 'From' has its maximum of queued messages
    21612: (Reason.BAD_RECIPIENT, True),  # no route between 'From' and 'To'
    21614: (Reason.BAD_RECIPIENT, True),  # 'To' is not a mobile number
    21617: (Reason.REJECTED, True),  # body is longer than 1600 characters
    21619: (Reason.REJECTED, True),  # body or media is required
    21635: (Reason.BAD_RECIPIENT, True),  # 'To' is a landline
    21659: (Reason.REJECTED, True),  # 'From' is not a Twilio number
    21660: (Reason.REJECTED, True),  # 'From' belongs to another account
    21661: (Reason.REJECTED, True),  # 'From' cannot send SMS
    21703: (Reason.REJECTED, True),  # messaging service has no numbers
    30001: (Reason.RATE_LIMITED, False),  # queue overflow
    30002: (Reason.AUTH, True),  # account suspended
    30003: (Reason.BAD_RECIPIENT, False),  # handset unreachable
    30004: (Reason.BAD_RECIPIENT, True),  # message blocked by the recipient
    30005: (Reason.BAD_RECIPIENT, True),  # unknown handset
    30006: (Reason.BAD_RECIPIENT, True),  # landline or unreachable carrier
    30007: (Reason.REJECTED, True),  # filtered by the carrier
    30008: (Reason.SERVER_ERROR, False),  # unknown error
    32018: (Reason.REJECTED, True),  # TwiML is longer than 4000 characters
    573005: (Reason.BAD_RECIPIENT, True),  # recipient is not verified, trial account
}
