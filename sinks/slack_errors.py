"""What Slack's error codes mean for a delivery.

Sources: https://docs.slack.dev/reference/methods/chat.postMessage#errors (and of ``chat.update``, ``auth.test``) and
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from sinks.contract import DeliveryError, Failure, Reason
from sinks.http_answer import HttpAnswer
from sinks.http_status import answer_failure
from sinks.json_api import refusal

WEBHOOK_DOCS = "https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors"
_CODE = re.compile(r"[a-z_]{1,64}")


class Meaning(NamedTuple):
    """What a code says.

    Attributes:
        reason: of the failure.
        permanent: the same again will fail again.
        ambiguous: the message may be there all the same.
    """

    reason: Reason
    permanent: bool = True
    ambiguous: bool = False


_AUTH = Meaning(Reason.AUTH)
_RECIPIENT = Meaning(Reason.BAD_RECIPIENT)
_REJECTED = Meaning(Reason.REJECTED)
_RATE = Meaning(Reason.RATE_LIMITED, permanent=False)
_DOWN = Meaning(Reason.SERVER_ERROR, permanent=False)
_UNCLEAR = Meaning(Reason.SERVER_ERROR, permanent=False, ambiguous=True)

ERRORS: Mapping[str, Meaning] = {
    **dict.fromkeys(
        (
            "access_denied", "accesslimited", "account_inactive", "ekm_access_denied", "enterprise_is_restricted",
            "invalid_auth", "missing_scope", "not_allowed_token_type", "not_authed", "org_login_required",
            "team_access_not_granted", "token_expired", "token_revoked", "two_factor_setup_required",
        ),
        _AUTH,
    ),
    **dict.fromkeys(
        (
            "cannot_reply_to_message", "channel_not_found", "is_archived", "is_inactive", "messages_tab_disabled",
            # "make sure your app is a member of the conversation"
            "no_permission", "not_in_channel", "restricted_action", "restricted_action_non_threadable_channel",
            "restricted_action_read_only_channel", "restricted_action_thread_locked",
            "restricted_action_thread_only_channel", "team_not_found", "thread_not_found",
        ),
        _RECIPIENT,
    ),
    **dict.fromkeys(
        (
            "as_user_not_supported", "attachment_payload_limit_exceeded", "block_mismatch", "cant_broadcast_message",
            "cant_update_message", "deprecated_endpoint", "draft_already_deleted", "draft_already_sent",
            "draft_has_conflict", "draft_not_found", "edit_window_closed", "invalid_arg_name", "invalid_arguments",
            "invalid_array_arg", "invalid_attachments", "invalid_blocks", "invalid_blocks_format", "invalid_charset",
            "invalid_form_data", "invalid_json", "invalid_metadata_format", "invalid_metadata_schema",
            "invalid_post_type", "json_not_object", "markdown_text_conflict", "message_not_found",
            "metadata_must_be_sent_from_app", "metadata_too_large", "method_deprecated", "missing_file_data",
            "missing_post_type", "msg_blocks_too_long", "msg_too_long", "no_dual_broadcast_content_update", "no_text",
            "slack_connect_canvas_sharing_blocked", "slack_connect_file_link_sharing_blocked",
            "slack_connect_lists_sharing_blocked", "streaming_state_conflict", "too_many_attachments",
            "too_many_contact_cards", "unknown_method",
        ),
        _REJECTED,
    ),
    **dict.fromkeys(("message_limit_exceeded", "rate_limited", "ratelimited"), _RATE),
    **dict.fromkeys(("external_channel_migrating", "service_unavailable", "team_added_to_org", "update_failed"), _DOWN),
    "request_timeout": Meaning(Reason.TIMEOUT, permanent=False),  # the request came in cut off
    # "it's possible some aspect of the operation succeeded before the error was raised"
    **dict.fromkeys(("fatal_error", "internal_error"), _UNCLEAR),
    # An earlier try with the same client_msg_id was taken, and cannot be found now: the same id would say so again.
    **dict.fromkeys(
        ("duplicate_channel_not_found", "duplicate_message_not_found"),
        Meaning(Reason.REJECTED, permanent=True, ambiguous=True),
    ),
}  # fmt: skip
"""Of the Web API: the codes of ``chat.postMessage``, ``chat.update`` and ``auth.test``."""

WEBHOOK_ERRORS: Mapping[str, Meaning] = {
    "invalid_token": _AUTH,
    **dict.fromkeys(
        (
            "action_prohibited", "channel_is_archived", "channel_not_found", "no_active_hooks", "no_service",
            "no_service_id", "no_team", "posting_to_general_channel_denied", "team_disabled", "user_not_found",
        ),
        _RECIPIENT,
    ),
    **dict.fromkeys(
        (
            "invalid_attachments", "invalid_blocks", "invalid_blocks_format", "invalid_payload",
            "missing_text_or_fallback_or_attachments", "msg_too_long", "no_text", "too_many_attachments",
        ),
        _REJECTED,
    ),
    **dict.fromkeys(("rate_limited", "ratelimited"), _RATE),
    "rollup_error": _DOWN,
}  # fmt: skip
"""Of incoming webhooks: the whole body of the answer is the code."""

NO_THREAD = frozenset(
    {
        "cannot_reply_to_message", "message_not_found", "restricted_action_non_threadable_channel",
        "restricted_action_thread_locked", "thread_not_found",
    }
)  # fmt: skip
"""Codes of an answer to a thread that say that it takes none: a message outside of it can still be posted."""


class SlackError(DeliveryError):
    """A refusal by Slack, with its code (empty when it gave none that we may repeat)."""

    def __init__(self, failure: Failure, code: str) -> None:
        super().__init__(failure)
        self.code = code


def slack_error(answer: HttpAnswer, said: object, meanings: Mapping[str, Meaning], docs: str) -> SlackError | None:
    """Return the error of an answer; None when it is a success that says nothing of an error.

    A known code decides, else the HTTP status.

    Args:
        answer: of Slack.
        said: what stands where the error's code would be.
        meanings: :data:`ERRORS` or :data:`WEBHOOK_ERRORS`.
        docs: where its codes are described.
    """
    # Only what looks like a code is repeated: anything else could repeat what we sent.
    code = said if isinstance(said, str) and _CODE.fullmatch(said) else ""
    detail = f"Slack error {code} ({docs})" if code else f"Slack answered HTTP {answer.status_code} ({docs})"
    if code not in meanings:
        failure = refusal(answer, detail)
        return None if failure is None else SlackError(failure, code)
    meaning = meanings[code]
    failure = Failure(reason=meaning.reason, permanent=meaning.permanent, detail=detail, ambiguous=meaning.ambiguous)
    if not meaning.permanent:
        failure = _waiting(failure, answer)
    return SlackError(failure, code)


def undocumented(said: object, answer: HttpAnswer, docs: str) -> SlackError:
    """Return the error for ``ok: false`` with a code that its documentation does not have.

    Such codes come "in the case where the service is down or other unexpected factors affect processing": it may pass.
    """
    code = said if isinstance(said, str) and _CODE.fullmatch(said) else ""
    detail = f"Slack error {code or 'without a code'}, which is none of {docs}"
    failure = Failure(reason=Reason.SERVER_ERROR, permanent=False, detail=detail)
    return SlackError(_waiting(failure, answer), code)


def _waiting(failure: Failure, answer: HttpAnswer) -> Failure:
    """Return ``failure`` with how long Slack asked to be left alone, in either form."""
    passing = answer_failure(answer, failure.detail, status=503)
    if passing is None:
        return failure
    return msgspec.structs.replace(failure, retry_after_us=passing.retry_after_us, retry_at_us=passing.retry_at_us)
