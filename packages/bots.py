"""Programs that commit: packages are kept alive by people."""

# Accounts without the ending that GitHub gives to apps, and names that bots sign commits with elsewhere.
BOTS = frozenset(
    {
        "allcontributors",
        "dependabot",
        "dependabot-preview",
        "github-actions",
        "greenkeeper",
        "greenkeeperio-bot",
        "imgbot",
        "mergify",
        "pre-commit-ci",
        "pyup-bot",
        "pyup.io bot",
        "renovate",
        "renovate bot",
        "renovate-bot",
        "semantic-release-bot",
        "snyk-bot",
        "transifex-integration",
        "weblate",
    }
)


def is_bot(name: str) -> bool:
    """Return whether a login or an author's name is that of a program."""
    name = name.strip().lower()
    return name.endswith("[bot]") or name in BOTS
