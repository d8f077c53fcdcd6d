"""What is open to everybody, and which scope a key needs for which path: the two tables of the house's door.

Both say what is allowed.  A route that nobody put here is closed to strangers, and to every key but an admin's.
"""

from __future__ import annotations

# Files of the login page and of the page that shows how a phone trusts this house, and what a program asks before it
# asks anything else (it is told "ok", and no more).
OPEN_TO_ALL = frozenset(
    {
        "/health",
        "/ready",
        "/page/login.html",
        "/page/login.js",
        "/page/enter",
        "/page/enter.js",
        "/page/plain.css",
        "/page/house.js",
        "/page/hant.js",
        "/page/api.js",
        "/page/language.js",
        "/page/flame.svg",
        "/page/trust",
        "/page/trust.js",
        "/page/authority.crt",
        "/page/authority.json",
    }
)
OPEN_POSTS = frozenset({"/house/login", "/house/join", "/page/enter"})
LOGIN_PAGE = "/page/login.html"
# Links that an app of this house gave out: the secret in them is the right, and the route looks at it each time.
LINKS = "/link/"

# The first that a path begins with; an entry without a slash at its end is the whole path.
_SCOPES: tuple[tuple[str, str], ...] = (
    ("/v1/models", "models"),
    ("/v1/models/", "models"),
    ("/models", "models"),
    ("/api/tags", "models"),
    ("/api/ps", "models"),
    ("/api/show", "models"),
    ("/api/version", "models"),
    ("/page/info", "models"),
    ("/house/models", "models"),
    ("/v1/embeddings", "embeddings"),
    ("/embeddings", "embeddings"),
    ("/v1/vectors", "embeddings"),
    ("/v1/vectors/", "embeddings"),
    ("/api/embed", "embeddings"),
    ("/api/embeddings", "embeddings"),
    ("/metrics", "metrics"),
    ("/api/chat", "chat"),
    ("/api/generate", "chat"),
    ("/v1/", "chat"),
    ("/beta/", "chat"),
    ("/anthropic/", "chat"),
    ("/chat/completions", "chat"),
    ("/chat/completions/", "chat"),
    ("/completions", "chat"),
    ("/completion", "chat"),
    ("/infill", "chat"),
    ("/responses", "chat"),
    ("/responses/", "chat"),
    ("/props", "models"),
    ("/tokenize", "chat"),
    ("/detokenize", "chat"),
    ("/apply-template", "chat"),
    ("/user/balance", "chat"),
    ("/page/render", "chat"),
    ("/mcp", "chat"),
    ("/house/me", "chat"),
    ("/house/conversations", "chat"),
    ("/house/conversations/", "chat"),
    ("/house/messages/", "chat"),
    ("/house/files", "chat"),
    ("/house/files/", "chat"),
    ("/house/events", "chat"),
    ("/house/export", "chat"),
    ("/house/import", "chat"),
)


def is_open(method: str, path: str) -> bool:
    """Whether strangers may ask this."""
    if path.startswith(LINKS):
        return True
    if method in ("GET", "HEAD"):
        return path in OPEN_TO_ALL
    return method == "POST" and path in OPEN_POSTS


def scope_of(method: str, path: str) -> str:
    """The scope that a key needs for a path."""
    if path == "/house/me" and method not in ("GET", "HEAD"):
        return "admin"  # whoever finds a key must not be able to change the password
    for start, scope in _SCOPES:
        if path == start or (start.endswith("/") and path.startswith(start)):
            return scope
    return "admin"
