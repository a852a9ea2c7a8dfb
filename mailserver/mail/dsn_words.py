"""What a notification says to people. Keys of MEANINGS: an enhanced status code (RFC 3463), "x" for any class."""

from collections.abc import Mapping

SUBJECTS: Mapping[str, str] = {
    "failed": "Not delivered",
    "delayed": "Delayed",
    "delivered": "Delivered",
    "relayed": "Passed on",
    "expanded": "Passed on to several",
}

OPENINGS: Mapping[str, str] = {
    "failed": "Your message could not be delivered to:",
    "delayed": "Your message is not delivered yet. You need not do anything: we keep trying, and tell you should\n"
    "it fail in the end. It still waits for:",
    "delivered": "Your message was delivered to:",
    "relayed": "Your message was passed on to the server of the following recipients. That server does not tell\n"
    "whether it delivers; you will hear of it only if it fails:",
    "expanded": "Your message was passed on to everybody behind:",
}

_ADDRESS = "check the address for typing errors, or ask the recipient for the right one in another way."
_LATER = "try again later, or reach the recipient in another way."
_ASK = "ask the recipient, or whoever runs their server, to let your mail in; tell them the reason above."
_OURS = "show this message to whoever runs your mail server."

# (what happened, what to do)
MEANINGS: Mapping[str, tuple[str, str]] = {
    "x.1.0": ("The recipient's server does not take mail for this address.", _ADDRESS),
    "x.1.1": ("There is no such address.", _ADDRESS),
    "x.1.2": ("There is no mail server for the part of the address after the @.", _ADDRESS),
    "x.1.3": ("The address is not written as addresses are.", _ADDRESS),
    "x.1.6": ("The recipient has moved and left no new address.", _ADDRESS),
    "x.1.10": ("The part of the address after the @ takes no mail at all.", _ADDRESS),
    "x.1.7": ("The recipient's server does not accept your address as a sender.", _OURS),
    "x.1.8": ("The recipient's server does not accept the domain of your address as a sender.", _OURS),
    "x.1": ("The recipient's server does not take mail for this address.", _ADDRESS),
    "x.2.1": ("The mailbox is switched off and takes no mail.", "reach the recipient in another way."),
    "x.2.2": ("The mailbox is full.", "wait until the recipient has made room, then send it again."),
    "x.2.3": ("The message is too big for this mailbox.", "send it smaller, or put large files somewhere to fetch."),
    "x.2": ("The recipient's mailbox could not take the message.", _LATER),
    "x.3.1": ("The recipient's server has no room left.", _LATER),
    "x.3.4": (
        "The message is too big for the recipient's server.",
        "send it smaller, or put large files somewhere to fetch.",
    ),
    "x.3": ("The recipient's server could not take the message.", _LATER),
    "x.4.4": ("The way to the recipient's server could not be found.", _ADDRESS),
    "x.4.6": ("The message went round in circles.", _OURS),
    "x.4.7": ("The recipient's server could not be reached, or did not take the message, for too long.", _LATER),
    "x.4": ("The recipient's server could not be reached.", _LATER),
    "x.5": ("The two servers did not understand one another.", _OURS),
    "x.6.7": (
        "The recipient's server does not know addresses with letters beyond a to z.",
        "write to another address of the recipient, or from another one of yours.",
    ),
    "x.6": ("The recipient's server can not take a message of this kind.", "send it as plain text, or in parts."),
    "x.7.1": ("The recipient's server refused the message.", _ASK),
    "x.7.10": ("The connection to the recipient's server was not safe enough.", _OURS),
    "x.7.26": ("The recipient's server could not verify that the message is from you.", _OURS),
    "x.7.30": ("The message was to be sent over verified encryption only, which the server does not have.", _LATER),
    "x.7": ("The recipient's server refused the message because of its rules.", _ASK),
    "2": ("It was delivered.", ""),
    "4": ("The recipient's server put the message off.", _LATER),
    "5": ("The recipient's server refused the message.", _ASK),
}
