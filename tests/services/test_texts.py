"""The catalogues are complete and alike, and filling them in never fails."""

from __future__ import annotations

import inspect
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services import errors
from services.errors import GConnectError
from services.naver import records
from services.texts import LANGUAGES, VARIANTS, Language, Refusal, Texts, catalogue, language_of

OUTCOMES = [
    "schedule_blocked",
    "removal_held",
    "platform_incident",
    "total_changed",
    "products_missing",
    "records_rejected",
]
REASONS = ["missing", "wrong_type", "out_of_range", "bad_character", "too_long", "bad_date", "too_deep", "not_object"]
"""Of services/naver/records.py, which rejects a record with one of them."""


def all_codes() -> list[str]:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and "code" in vars(kind)]
    return sorted(kind.code for kind in kinds if issubclass(kind, GConnectError)) + OUTCOMES + REASONS


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def entries(language: Language) -> dict[str, str]:
    return {f"{table}.{key}": text for table, keys in catalogue(language).items() for key, text in keys.items()}


def test_both_languages_have_the_same_keys_and_placeholders() -> None:
    korean, english = ({key: placeholders(text) for key, text in entries(lang).items()} for lang in LANGUAGES)
    assert korean == english


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalogues_are_flat_tables_of_sentences_with_plain_named_placeholders(language: Language) -> None:
    for key, text in entries(language).items():
        assert isinstance(text, str), key
        assert text.strip() == text != "", key
        assert all(re.fullmatch(r"[a-z_]+", name) for name in placeholders(text)), key


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", all_codes())
def test_every_code_says_what_happened_and_what_to_do(language: Language, code: str) -> None:
    tables = catalogue(language)
    assert code in tables["what"]
    assert code in tables["act"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_and_act_have_the_same_keys_and_exact_ones_belong_to_a_code(language: Language) -> None:
    tables = catalogue(language)
    assert tables["what"].keys() == tables["act"].keys()
    assert {key.partition(".")[0] for key in tables["what"]} - {"unknown"} == set(all_codes())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", [code for code in all_codes() if code not in [*REASONS, "platform_incident"]])
def test_every_sentence_about_a_sync_names_the_seller(language: Language, code: str) -> None:
    assert "{seller}" in catalogue(language)["what"][code]


def test_every_reason_to_reject_a_record_has_its_words() -> None:
    source = inspect.getsource(records)
    reasons = {
        word for line in source.splitlines() if "raise _Unfit(" in line for word in re.findall(r'"([a-z_]+)"', line)
    }
    assert reasons == set(REASONS)


def test_korean_is_polite_throughout() -> None:
    impolite = [
        key
        for key, text in entries("ko").items()
        if key.partition(".")[0] in ("what", "act", "cadence", "keyring", "secret", "settings")
        if re.search(r"(니다|세요|인가요)[.?:]", text) is None
    ]
    assert impolite == []


def test_the_seller_and_the_figures_stand_in_the_sentence() -> None:
    text = Texts("en").what("products_missing", seller="달빛상점", total=1284, seen=1200)
    assert text == 'Naver said that "달빛상점" has 1,284 products, but 1,200 were seen.'


def test_a_missing_or_empty_parameter_is_shown_as_a_question_mark() -> None:
    assert Texts("en").what("products_missing", total=None) == 'Naver said that "?" has ? products, but ? were seen.'


def test_a_parameter_chooses_the_more_exact_sentence() -> None:
    texts = Texts("en")
    assert "secret" in texts.what("credentials_refused", seller="A", field="client_secret_sign")
    assert "secret" not in texts.what("credentials_refused", seller="A", field="client_id")
    general = texts.what("credentials_refused", seller="A")
    assert texts.what("credentials_refused", seller="A", field="something new") == general


def test_an_unknown_code_still_gives_useful_sentences() -> None:
    for language in LANGUAGES:
        texts = Texts(language)
        assert "strange_new_code" in texts.what("strange_new_code", seller="A")
        assert "strange_new_code" in texts.act("strange_new_code")


def test_other_texts_are_found_by_table_and_name() -> None:
    assert Texts("ko").say("status.waiting") == "재시도 대기"
    assert Texts("en").say("preset.daily") == "daily at 02:00"


@pytest.mark.parametrize("key", ["status.gone", "nothing", "", "no.such.key"])
def test_an_unknown_key_is_shown_as_it_is(key: str) -> None:
    assert Texts("ko").say(key) == key


def test_an_unknown_language_is_korean() -> None:
    assert Texts("fr").language == "ko"


def test_control_characters_in_a_parameter_do_not_reach_the_terminal() -> None:
    assert "\x1b" not in Texts("en").what("naver_busy", seller="a\x1b[2J\nb")
    assert "\n" not in Texts("en").what("naver_busy", seller="a\x1b[2J\nb")


def test_a_parameter_of_the_wrong_type_for_its_format_is_shown_as_it_is() -> None:
    text = Texts("en").what("products_missing", seller=["A"], total="many", seen=[1])
    assert text == "Naver said that \"['A']\" has many products, but [1] were seen."


@given(
    st.sampled_from(sorted(entries("ko"))),
    st.dictionaries(
        st.sampled_from(sorted({name for text in entries("ko").values() for name in placeholders(text)})),
        st.one_of(st.none(), st.text(), st.integers(), st.lists(st.text()), st.floats()),
    ),
    st.sampled_from(LANGUAGES),
)
def test_no_parameters_make_a_text_fail(key: str, params: dict[str, object], language: Language) -> None:
    assert Texts(language).say(key, **params)
    code = key.partition(".")[2].partition(".")[0]
    assert Texts(language).what(code, **{name: value for name, value in params.items() if name != "code"})


def test_variants_accept_values_that_are_no_text() -> None:
    assert Texts("en").act("quota_exhausted", **dict.fromkeys(VARIANTS, 3))


def test_a_refusal_is_told_in_either_language() -> None:
    refusal = Refusal("cadence.never", cron="0 0 30 2 *")
    assert str(refusal) == refusal.told(Texts("en")) == '"0 0 30 2 *" never falls due: there is no such day.'
    assert "날짜가 없어" in refusal.told(Texts("ko"))


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "ko"),
        ({"LANG": "C"}, "ko"),
        ({"LANG": "POSIX"}, "ko"),
        ({"LC_ALL": "C.UTF-8", "LANG": "en_US.UTF-8"}, "ko"),
        ({"LANG": "ko_KR.UTF-8"}, "ko"),
        ({"LANG": "en_US.UTF-8"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LC_ALL": "", "LC_MESSAGES": "en_GB.UTF-8", "LANG": "ko_KR.UTF-8"}, "en"),
        ({"LC_ALL": "ko_KR.UTF-8", "LC_MESSAGES": "en_GB.UTF-8"}, "ko"),
        ({"GCONNECT_LANG": "EN ", "LANG": "ko_KR.UTF-8"}, "en"),
        ({"GCONNECT_LANG": "ko", "LANG": "en_US.UTF-8"}, "ko"),
        ({"GCONNECT_LANG": "french", "LANG": "en_US.UTF-8"}, "en"),
    ],
)
def test_the_language_is_the_chosen_one_else_the_locales_else_korean(environ: dict[str, str], language: str) -> None:
    assert language_of(environ) == language


def test_the_language_of_this_process_is_read_where_no_environment_is_given() -> None:
    assert language_of() in LANGUAGES
