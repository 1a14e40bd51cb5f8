"""Requests that a schema has generated, as our client sends them."""

from typing import Any


def sent(case: Any, url: str, headers: dict[str, str]) -> dict[str, Any]:
    """Return a request as httpx takes it: the generator's own client does not go with every urllib3.

    Args:
        case: that was generated.
        url: of the application.
        headers: that it carries, whatever was generated: who asks is not left to chance.
    """
    asked = case.as_transport_kwargs(base_url=url, headers=headers)
    body = {"json": asked.get("json")} if asked.get("data") is None else {"content": asked["data"]}
    told = {**asked.get("headers", {}), **headers}
    return {**body, "method": asked["method"], "url": asked["url"], "params": asked.get("params"), "headers": told}
