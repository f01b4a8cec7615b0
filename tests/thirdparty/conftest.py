"""What lies here is another company's: it is run after it was installed (tests/adapters/test_third_party.py)."""

collect_ignore_glob = ["*"]
