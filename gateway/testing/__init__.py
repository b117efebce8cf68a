"""What an adapter's author needs to test it: the contracts that every adapter passes, a clock that stands still."""
