from django.apps import AppConfig


class FetchersConfig(AppConfig):
    name = "fetchers"

    def ready(self) -> None:
        from core import hooks  # noqa: PLC0415 (models can be imported only now)
        from fetchers.metrics import measure_quotas, measure_refreshes  # noqa: PLC0415
        from fetchers.setup import examine_hosts, examine_refreshes  # noqa: PLC0415

        hooks.measures |= {"refreshes": measure_refreshes, "quotas": measure_quotas}
        hooks.examinations |= {"hosts": examine_hosts, "refreshes": examine_refreshes}
