"""The rules that checks judge, in two profiles. Every check of smoke and contract names its rule, and so do findings.

`universal` rules hold for any deployment. `house` rules are conventions of contracts/api.md and
contracts/promises.toml. An environment's key `rules` selects the profile: `house` includes `universal`. docs/rules.md
lists all rules.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Self

UNIVERSAL: Final = "universal"
HOUSE: Final = "house"
PROFILES: Final = (UNIVERSAL, HOUSE)


class Rule(StrEnum):
    """A rule with its profile, "house:cors". text: the promise in one sentence."""

    text: str

    def __new__(cls, value: str, text: str = "") -> Self:
        """Create a rule from its name with the profile, and its text."""
        rule = str.__new__(cls, value)
        rule._value_, rule.text = value, text
        return rule

    # What any deployment must keep.
    IDENTITY = "universal:identity", "The expected system is ready, and proves that it answered."
    OPERATIONS = (
        "universal:operations",
        "A valid request to a declared operation succeeds with a declared status and the declared fields.",
    )
    AUTHENTICATION = (
        "universal:authentication",
        "Operations that need a token refuse requests without a valid one, and a login needs the password.",
    )
    ISOLATION = (
        "universal:isolation",
        "Users cannot read or change objects of others, act as others, or get rights or other identities by a request.",
    )
    REVOCATION = (
        "universal:revocation",
        "Tokens that a logout revokes as declared, tokens of deleted or disabled accounts, and deleted objects give no "
        "access.",
    )
    DATA_LOSS = (
        "universal:data-loss",
        "Stored data are returned unchanged. Refused, aborted and safe requests change nothing.",
    )
    DISCLOSURE = (
        "universal:disclosure",
        "Errors contain no stack trace, SQL, path or internal name, and no request ends with 5xx.",
    )
    OPENAPI = (
        "universal:openapi",
        "Requests and responses match the OpenAPI document of the deployment.",
    )

    # Conventions of contracts/api.md and contracts/promises.toml.
    STATUSES = "house:statuses", "A refusal has the exact status of contracts/api.md (400 or 422, 403 or 404)."
    METHODS = "house:405-before-401", "An undeclared method gets 405, with and without a token, and an exact Allow."
    CHALLENGE = "house:challenge", "A 401 has WWW-Authenticate: Bearer (RFC 9110 15.5.2)."
    ERROR_FORMAT = "house:error-format", "An error is the JSON object of contracts/api.md, also for an unknown path."
    VALIDATION = "house:validation", "Each invalid value of contracts/api.md is refused, each valid one accepted."
    HIDDEN_OBJECTS = (
        "house:hidden-objects",
        "A refusal does not reveal if an object or account exists: the responses are equal.",
    )
    ADMINISTRATORS = "house:administrators", "An administrator has no access to objects of other users."
    TOKEN_CLAIMS = "house:token-claims", "Tokens have the promised lifetime, issuer, audience, type, id and key."
    SECURITY_HEADERS = "house:security-headers", "Every response of the Worker has the exact security headers."
    CACHE_CONTROL = "house:cache-control", "Every API response has the exact Cache-Control."
    COOKIES = "house:cookies", "No response sets a cookie."
    REQUEST_ID = "house:request-id", "Every response has the id of its request, or a new one for an invalid id."
    CORS = "house:cors", "CORS allows exactly the declared origin, the methods of the path and the declared headers."
    HEAD = "house:head", "HEAD returns the status and headers of GET."
    HTTPS = "house:https", "http is redirected to https with 301, and HTTP/2 is used."
    HEALTH = "house:health-report", "/health reports each part with its figure, limits and status word, uncached."
    METRICS = "house:metrics", "/metrics counts requests and errors, with the rate in per cent."
    FRONT_END = "house:front-end", "The front end has the build of the API, exact cache policies and the SPA fallback."
    RATE_LIMIT = "house:rate-limit", "The limiter allows the promised number of requests, then 429 with Retry-After."
    RESPONSE_TIME = "house:response-time", "Reads are faster than the promised limit."
    AUDIT_LOG = "house:audit-log", "Each action of a user writes one row of the audit log."
    UPLOAD_LIMIT = "house:upload-limit", "Uploads up to exactly the promised size are accepted, larger ones refused."
    FILE_TYPES = "house:file-types", "Files are accepted by their extension, whatever their declared type and content."
    FILE_NAMES = "house:file-names", "File names are stored as given, without their folder."
    LIST_ORDER = (
        "house:list-order",
        "Lists are newest first, and what was created at the same time keeps one order.",
    )
    DOWNLOADS = (
        "house:downloads",
        "Downloads are text/csv attachments with their name, an ETag and ranges; the Worker stores a SHA-256.",
    )
    PROCESSING = "house:processing", "An uploaded file reaches `completed` with its counts, or `error` with a reason."
    LIST_FORMAT = "house:list-format", "Columns and rows follow the grammar in contracts/api.md."
    EXPORT = "house:export", "Exports and filters follow the operators and the format of contracts/api.md."
    TAGS = "house:tags", "Tags are trimmed, unique and in order."
    SAVED_FILTERS = "house:saved-filters", "Saved filters have the fields and visibility of contracts/api.md."
    USER_NAMES = "house:user-names", "Every name of contracts/api.md can register."
    SCHEMA = "house:schema", "The databases have the tables and columns of the plan that a check reads or writes."
    IDS = "house:ids", "An id has one spelling."
    DOCUMENT = (
        "house:document",
        "The OpenAPI documents pass lint and keep the promises of the suite's documents. A system without a document "
        "of its own matches that of the suite.",
    )

    @property
    def profile(self) -> str:
        """Return "universal" or "house"."""
        return self.value.partition(":")[0]

    def is_judged(self, profile: str) -> bool:
        """Return True if an environment with this profile requires the rule."""
        return profile == HOUSE or self.profile == UNIVERSAL


VITAL: Final = (Rule.AUTHENTICATION, Rule.ISOLATION, Rule.DATA_LOSS)
"""Rules of which every judged system must have at least one check: without them a GO would mean nothing."""
