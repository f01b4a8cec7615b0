"""Where a bug happened, in a form that may be kept: no message, no values."""


def safe_trace(error: BaseException) -> str:
    """Return where a bug happened, without the values that may have been in its message."""
    lines = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        lines.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return " > ".join(lines)
