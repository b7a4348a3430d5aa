"""The HTTP service (extra ``web``): everything that the library does, for screens and programs in any language.

Thin: read the request, call a use case, answer. Nothing is decided here. The only home of ``fastapi``, ``uvicorn``,
``jwt`` and ``prometheus_client``.
"""
