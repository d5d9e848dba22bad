"""What several scripts share: careful files, safetensors, wheels from PyPI, tokenizers."""
