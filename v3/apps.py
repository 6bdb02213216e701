from django.apps import AppConfig


class V3Config(AppConfig):
    name = "v3"

    def ready(self) -> None:
        from core import versions  # noqa: PLC0415 (settings may not be read when this module is)
        from v3.version import Version3  # noqa: PLC0415

        versions.register(Version3())
