"""Secrets are masked, whole, truncated or encoded."""

import base64
import json
from unittest import mock
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.core import secrets
from cutover.core.secrets import MASK, Secret, new_password, redact, redact_all

pytestmark = pytest.mark.unit

texts = st.text(min_size=6, max_size=60).filter(lambda text: "•" not in text and text.strip() == text)


@given(texts, st.text(max_size=20), st.text(max_size=20))
def test_known_secret_is_masked_anywhere(secret: str, before: str, after: str) -> None:
    """Neither the text nor its percent-encoded form remains."""
    shown = redact(f"{before}{Secret(secret).reveal()}{after} ?t={quote(secret, safe='')}")
    assert secret not in shown.replace(MASK, "")


def test_secret_has_a_masked_representation() -> None:
    """repr, str and formatting of a secret give the mask."""
    secret = Secret("correct horse battery staple")
    assert "horse" not in f"{secret!r} {secret} {[secret]} {'%s' % secret}"  # noqa: UP031 - that form as well


@given(st.binary(min_size=12, max_size=60), st.integers(min_value=14))
def test_unknown_token_is_masked_by_its_shape(claims: bytes, cut: int) -> None:
    """An unregistered JWT is recognized, whole or truncated at any place after its header."""
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
    token = f"{header}.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.c2lnbmF0dXJl"
    assert "eyJ" not in redact(f"token={token[:cut]} end")
    assert redact(f"token={token} end") == f"token={MASK} end"


def test_own_passwords_are_masked_by_their_shape() -> None:
    """A truncated password of ours, as in pytest's locals, is recognized."""
    password = new_password().reveal()
    assert password[14:30] not in redact(f"password = '{password[:30]}...'")


def test_bearer_value_is_masked() -> None:
    """Any value after Bearer is masked."""
    assert redact("authorization: Bearer abcdef0123456789") == f"authorization: Bearer {MASK}"


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), lambda inner: st.lists(inner)))
def test_plain_data_is_unchanged(data: object) -> None:
    """Redaction does not change data without secrets, and its result is JSON."""
    with mock.patch.object(secrets, "_known", []):  # other tests have secrets, too
        assert json.loads(json.dumps(redact_all({"k": data}))) == json.loads(json.dumps({"k": data}))
