"""What went wrong with a command, as a sentence and an exit code: 1 it failed, 2 it was asked for wrongly."""

from __future__ import annotations

import difflib

import structlog
from sqlalchemy.exc import SQLAlchemyError
from typer.exceptions import TyperException

from console.invocation import Invocation
from console.output import cut
from db.migration import DatabaseUnreachable, SchemaMismatch
from services.errors import GConnectError
from services.logs import redact
from services.sellers import SellerExists, SellerUnknown
from services.texts import Refusal

FAILED = 1
MISUSED = 2

log = structlog.get_logger(__name__)


def tell(call: Invocation, error: Exception) -> int:
    """Write what went wrong, without a stack trace or a secret; return the exit code."""
    # For whoever sets LOG_LEVEL=DEBUG to find out more.
    log.debug("command_failed", exc_info=error)
    if isinstance(error, TyperException):
        return _usage(call, error)
    sentence, code = _sentence(call, error)
    call.output.fail(redact(sentence))
    return code


def tell_of_seller(call: Invocation, seller: str, error: GConnectError) -> None:
    """Write what Naver or the key refused a seller, what to do, and Naver's trace id for their support."""
    params = {"seller": cut(seller), **error.params}
    call.output.fail(call.texts.what(error.code, **params))
    call.output.act(call.texts.act(error.code, **params))
    if error.trace_id is not None:
        call.output.note(call.say("trace_id", trace_id=error.trace_id))


def _sentence(call: Invocation, error: Exception) -> tuple[str, int]:
    texts = call.texts
    if isinstance(error, Refusal):
        return error.told(texts), MISUSED
    if isinstance(error, SellerUnknown):
        return _unknown_seller(call, error), MISUSED
    if isinstance(error, SellerExists):
        return call.say("seller_exists", name=str(error)), MISUSED
    if isinstance(error, SchemaMismatch):
        return texts.say(f"database.{error.kind}", found=error.found, needed=error.needed), FAILED
    if isinstance(error, DatabaseUnreachable):
        return texts.say("database.unreachable", url=call.settings.shown()["DATABASE_URL"], reason=_why(error)), FAILED
    if isinstance(error, GConnectError):
        return f"{texts.what(error.code, **error.params)} {texts.act(error.code, **error.params)}", FAILED
    if isinstance(error, SQLAlchemyError):
        return texts.say("database.trouble", kind=type(error).__name__, reason=_why(error)), FAILED
    if isinstance(error, OSError):
        return call.say("system_error", kind=type(error).__name__, reason=error.strerror, file=error.filename), FAILED
    return call.say("defect", kind=type(error).__name__), FAILED


def _unknown_seller(call: Invocation, error: SellerUnknown) -> str:
    name = error.name if len(error.name) <= 60 else error.name[:59] + "…"
    if not error.known:
        return call.say("seller_unknown_none", name=name)
    near = difflib.get_close_matches(error.name, error.known, n=3, cutoff=0.5)
    folded = error.name.casefold()
    near += [each for each in error.known if folded and folded in each.casefold() and each not in near][:3]
    if near:
        return call.say("seller_unknown_near", name=name, near=", ".join(f'"{each[:60]}"' for each in near))
    return call.say("seller_unknown", name=name)


def _why(error: BaseException) -> str:
    """Return the first line of what the driver said, without addresses' passwords."""
    cause = error.__cause__ or error
    driver = getattr(cause, "orig", None) or cause
    lines = str(driver).strip().splitlines()
    return redact(lines[0])[:200] if lines else type(driver).__name__


def _usage(call: Invocation, error: TyperException) -> int:
    """Tell of a wrong use in the language of the person: Typer's own sentences are English."""
    kind = type(error).__name__
    context = getattr(error, "ctx", None)
    if kind == "NoArgsIsHelpError":
        # Typer has written the help when it made this error.
        return MISUSED
    parameter = getattr(error, "param", None)
    hint = parameter.get_error_hint() if parameter is not None else None
    detail = getattr(error, "message", None) or str(error)
    option = getattr(error, "option_name", None)
    sentence = {
        "MissingParameter": lambda: call.texts.say("usage.missing", name=hint),
        "BadParameter": lambda: call.texts.say("usage.bad_value", name=hint, detail=detail),
        "NoSuchOption": lambda: _no_such_option(call, option, getattr(error, "possibilities", None)),
        "BadOptionUsage": lambda: call.texts.say("usage.option_value", name=option, detail=detail),
    }.get(kind, lambda: call.texts.say("usage.other", detail=detail))()
    call.output.fail(redact(sentence))
    if context is not None:
        call.output.note(call.texts.say("usage.see_help", command=context.command_path))
    return MISUSED


def _no_such_option(call: Invocation, option: object, possibilities: object) -> str:
    if isinstance(possibilities, list) and possibilities:
        return call.texts.say("usage.no_option_near", name=option, near=", ".join(sorted(possibilities)))
    return call.texts.say("usage.no_option", name=option)
