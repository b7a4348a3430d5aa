"""What the documents say: policy packs, read from TOML and proved at load. Pure data, no cases."""
