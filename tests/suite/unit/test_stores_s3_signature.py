"""Tests of the S3 signature against botocore's implementation."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from cutover.config.environments import Bucket
from cutover.core.secrets import Secret
from cutover.stores.s3_signature import S3Signer, host_header

pytestmark = pytest.mark.unit

SIGNER = S3Signer(Bucket("https://r2.example.invalid", "lists", Secret("the key id"), Secret("the secret key")))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(
    st.sampled_from(["GET", "HEAD"]),
    TEXT,
    st.dictionaries(TEXT, TEXT, max_size=3),
    st.dictionaries(st.sampled_from(["range", "if-match"]), st.sampled_from(["bytes=0-9", '"e"'])),
    st.sampled_from(["", ":443", ":8443"]),
)
@settings(max_examples=80)
def test_signature_equals_botocore(
    method: str, key: str, query: dict[str, str], extra: dict[str, str], port: str
) -> None:
    """botocore computes the same signature for any key, query, header and port."""
    path = f"/base/lists/{quote(key, safe='/-_.~')}"
    encoded = "&".join(sorted(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query.items()))
    url = f"https://r2.example.invalid{port}{path}" + (f"?{encoded}" if encoded else "")
    headers = SIGNER.headers(method, host_header(url), path, encoded, extra)
    request = AWSRequest(method=method, url=url, headers={**extra, "X-Amz-Date": headers["x-amz-date"]})
    request.headers["X-Amz-Content-SHA256"] = headers["x-amz-content-sha256"]
    request.context["timestamp"] = headers["x-amz-date"]
    auth = S3SigV4Auth(Credentials("the key id", "the secret key"), "s3", "auto")
    text = auth.string_to_sign(request, auth.canonical_request(request))
    assert headers["authorization"] == (
        f"AWS4-HMAC-SHA256 Credential=the key id/{headers['x-amz-date'][:8]}/auto/s3/aws4_request, "
        f"SignedHeaders={auth.signed_headers(auth.headers_to_sign(request))}, "
        f"Signature={auth.signature(text, request)}"
    )


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://a.example.invalid", "a.example.invalid"),
        ("https://a.example.invalid:443/x", "a.example.invalid"),
        ("http://127.0.0.1:80/", "127.0.0.1"),
        ("http://127.0.0.1:443/", "127.0.0.1:443"),
        ("http://[::1]:9000/x", "[::1]:9000"),
    ],
)
def test_host_header_omits_the_default_port(url: str, host: str) -> None:
    """As HTTP clients send it."""
    assert host_header(url) == host
    assert host_header(urlsplit(url)) == host
