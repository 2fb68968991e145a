"""Fetch a model into the local hub cache, or say clearly why that cannot be done.

uv run python scripts/download_model.py Qwen/Qwen3-4B
"""

import sys


def main() -> int:
    """0 when the model is in the cache, 1 when it is not and cannot be fetched."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    name = sys.argv[1]
    try:
        path = snapshot_download(name, allow_patterns=["*.json", "*.safetensors", "*.txt", "*.jinja"])
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        sys.stderr.write(
            f"{name} is not in the local cache and cannot be fetched: {type(error).__name__}: {error}\n"
        )
        sys.stderr.write(
            "hint: run this where the model hub can be reached, then copy the cache folder (HF_HOME)\n"
        )
        return 1
    sys.stdout.write(f"{name} is in {path}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
