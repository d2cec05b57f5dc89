"""The pages and fragments, one module per noun, each a blueprint."""
