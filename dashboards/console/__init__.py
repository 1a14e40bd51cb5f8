"""The console: pages that the server makes complete, kept fresh by htmx and server-sent events. There is no build step.

How a page is added
-------------------

1. A module here, with a router and a handler that needs a role and gives its template to :func:`.templating.page`::

       router = APIRouter()


       @router.get("/silences", include_in_schema=False)
       async def silences(request: Request, who: Annotated[Principal, Depends(needs(Role.VIEWER))]) -> Response:
           found = await to_thread.run_sync(book.list, now_us)  # whatever blocks, in a thread
           return await page(request, "silences.html", active="silences", title="Silences", silences=found)

2. The router in ``ROUTERS`` of :mod:`.installing`.
3. A template that begins with ``{% extends "base.html" %}`` and fills ``{% block main %}``. ``active`` says which
   entry of the navigation is marked: ``inbox``, ``incidents``, ``silences``, ``feeds``, ``detectors``, ``channels``,
   ``duty``, ``audit``.

What every template has: ``now_us``, ``who`` (the principal), ``csrf`` (a hidden field for every form that posts; htmx
sends the same in a header), ``when(us)`` (relative, absolute, zone), ``span(us)``, ``truth``, ``counts``, ``url_of``
(address of a file under ``static/``), ``is_part`` (htmx asks for a part of the page only). Macros of ``parts.html``::

    {% from "parts.html" import chip, mark, pager, empty, strip, spark %}
    {{ chip(1) }} {{ chip(2, acked=true) }}              shape, word and colour of a priority
    {{ mark("fresh", "12 s ago") }}                      freshness: fresh, late, stale, never, unknown
    {{ pager(previous, next) }}                          addresses, or none
    {% call empty("No silences") %} what to do {% endcall %}
    {% call strip("error") %} what went wrong, and the next step {% endcall %}

A list that is to stay fresh::

    <div id="list" data-live-list hx-get="{{ here }}" hx-trigger="sse:list" hx-swap="morph:innerHTML">

``throttle:`` drops what comes meanwhile, and all triggers of an element share its clock: a list that every ``sse:beat``
does not ask for as well would stay old. ``sse:list delay:500ms`` spares the server, and loses nothing.

Its rows have an ``id`` and ``data-row``: while one is selected, has focus or is under the pointer, rows stay where they
are, and new ones wait behind ``.``. Asked by htmx, ``page(..., part="list.html")`` returns that part alone.

No page has script or style inside it (the Content-Security-Policy forbids it): scripts and styles are files under
``static/``, found by ``data-`` attributes. ``static/vendor/VENDOR.toml`` says where the libraries come from.
"""
