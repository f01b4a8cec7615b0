"""The operator's web pages: rendered here, no outside assets; handlers by page, words and headlines apart from markup."""
