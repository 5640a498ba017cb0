"""What every script of scenarios does: run some by their names, and expect what fails."""

import asyncio


def raises(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def run(*scenarios):
    for scenario in scenarios:
        if asyncio.iscoroutinefunction(scenario):
            asyncio.run(scenario())
        else:
            scenario()
