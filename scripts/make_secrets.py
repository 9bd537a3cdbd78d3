"""Write the secrets that docker-compose.yml reads into secrets/, once; never over old ones."""

import base64
import secrets
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "secrets"


def main() -> None:
    """A login that owns the tables, one each that serves, watches, administers, and the secret."""
    admin, web, watch, console = (secrets.token_urlsafe(32) for _ in range(4))
    texts = {
        "secret_key": secrets.token_urlsafe(48),
        "admin_password": admin,
        "web_password": web,
        "watch_password": watch,
        "console_password": console,
        "owner_database_url": f"postgresql://vigil_admin:{admin}@db/vigil",
        "database_url": f"postgresql://vigil_web_login:{web}@db/vigil",
        "watch_database_url": f"postgresql://vigil_watch_login:{watch}@db/vigil",
        "console_database_url": f"postgresql://vigil_console_login:{console}@db/vigil",
    }
    # Signs the head of the audit chain; the database and the web never see it.
    texts["audit_key"] = base64.b64encode(secrets.token_bytes(32)).decode()
    texts = {name: text for name, text in texts.items() if not (FOLDER / name).exists()}
    if not texts:
        sys.exit("vigil: secrets/ is there already, and the database knows its passwords: kept.")
    # The folder is closed to others; the files are not, since the containers run as other users.
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    for name, text in texts.items():
        path = FOLDER / name
        path.write_text(text)
        path.chmod(0o444)
    print(
        "%d secrets are in secrets/. Keep them out of backups that others can read, and keep a copy"
        " of secret_key: without it no password and no second factor opens any more." % len(texts)
    )


if __name__ == "__main__":
    main()
