"""The lane of mails: series about carts that were left, and single mails that a skill asks for."""
