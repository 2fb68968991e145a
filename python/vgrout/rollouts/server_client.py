"""A running vLLM server asked over HTTP: retries, time-outs, and its refusals in its own words. No torch, no vLLM."""

import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from vgrout.errors import EngineError, EngineRefused

_RETRIED = frozenset({408, 429, 502, 503, 504})
"""Statuses that say "not now"."""
KEY_VARIABLE = "VLLM_API_KEY"
"""Environment variable with the server's key, where it wants one."""


class ServerClient:
    """Asks one server; threads may share it."""

    def __init__(self, url: str, *, timeout_s: float, attempts: int = 4, pause_s: float = 0.5) -> None:
        """Ask at most `attempts` times, `pause_s` after the first and twice as long after each further one."""
        self.url = url.rstrip("/").removesuffix("/v1")
        self._timeout_s, self._attempts, self._pause_s = timeout_s, attempts, pause_s

    def get(self, path: str) -> Any:
        """The JSON at `path`; see `post`."""
        return self._ask(path, None)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send `body`; give the answer's JSON, or its text where it is none.

        Raises:
            EngineRefused: the server answers that it will not; the message holds its words.
            EngineError: it cannot be reached, or does not answer in time, also when asked again.
        """
        return self._ask(path, json.dumps(body).encode())

    def _ask(self, path: str, body: bytes | None) -> Any:
        pause, reason = self._pause_s, ""
        for attempt in range(self._attempts):
            if attempt:
                time.sleep(pause)
                pause *= 2
            try:
                return self._once(path, body)
            except urllib.error.HTTPError as error:
                with error:
                    said = _said(error.read())
                if error.code not in _RETRIED:
                    raise EngineRefused(f"{self.url}{path} answers {error.code}: {said}") from error
                reason = f"answers {error.code}: {said}"
            except TimeoutError:
                reason = f"has not answered in {self._timeout_s:g} s"
            except (OSError, http.client.HTTPException) as error:
                inner = getattr(error, "reason", error)
                reason = f"cannot be reached: {inner}"
                if isinstance(inner, TimeoutError):
                    reason = f"has not answered in {self._timeout_s:g} s"
        hint = "is the server of `--rollouts.url` up? docs/guides/vllm.md says how one is started"
        raise EngineError(f"{self.url}{path} {reason} ({self._attempts} attempts)\nhint: {hint}")

    def _once(self, path: str, body: bytes | None) -> Any:
        headers = {"Content-Type": "application/json"}
        key = os.environ.get(KEY_VARIABLE)
        if key:
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(f"{self.url}{path}", data=body, headers=headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=self._timeout_s) as answer:  # noqa: S310 - http(s): settings are checked
            text = answer.read().decode()
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text


def _said(body: bytes) -> str:
    """The message of an error's body."""
    text = body.decode(errors="replace").strip()
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        return text[:500]
    if isinstance(found, dict):
        inner = found.get("error", found)
        if isinstance(inner, dict):
            return str(inner.get("message") or inner.get("detail") or text)[:500]
    return text[:500]
