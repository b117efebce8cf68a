"""All that an adapter may import: the two protocols, the values they meet in, the errors, HTTP and verification."""
