"""Texts that people write, and those that break programs; escaped as TEXT (RFC 5545 §3.3.11, RFC 6350 §3.4)."""

TEXTS = (
    "Zahnarzt",
    r"Lunch\, then a walk\; maybe\nSecond line \\ backslash",
    "Crème brûlée, Ærøskøbing, Łódź, naïve, Straße",
    "Встреча с командой о бюджете и о планах на следующий год, длинная строка без конца и края",
    "会議室の予約について、来週の月曜日の午前十時から始まる打ち合わせの議題を送ってください。",
    "اجتماع الفريق يوم الأحد مع \u200fABC\u200f في القاعة الكبيرة",
    "פגישה עם \u202bהצוות\u202c בשעה 10:00",
    "👩‍👩‍👧‍👦 family 🏳️‍🌈 🇦🇹 1️⃣ \U0001f600\U0001f9d1🏽‍🚀 party 🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉",
    "combining: e\u0301 o\u0308 Z\u0351\u036b\u0343 and no-break\u00a0space, soft\u00adhyphen, "
    "zero\u200bwidth, \ufeffmark inside",
    "line separators \u2028 and \u2029 and next line \u0085 within one value",
    "<b>HTML</b> &amp; ]]> <![CDATA[ <!-- --> &#13; \"quotes\" 'single' `back`",
    "100% {braces} $money #hash @at ~tilde ^caret |pipe = equals + plus",
    "trailing spaces and a tab \t  ",
    "",
    "BEGIN:VEVENT and END:VCALENDAR are only words here",
    "http://example.com/a?b=c&d=e;f#g:h,i",
    "x" * 5_000,
    "Протокол " * 600,
    r"\n\n\nOrganizer:\n--------\nmailto:boss@example.com\n\n-::~:~::~:~:~:~:~:~:~:~:~:~:~:~:~:~:~::~:~::-\nJoin: https://meet.example.com/abc-defg-hij\n",
    "\U0010fffd private \ue000 and old \ufffd replacement",
)
