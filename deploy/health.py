"""Health check of a container: ``health.py URL [COMPONENT]``. Standard library only, so that it costs no imports.

Exit code 0 when the URL answers 200 and, where a component is named, the answer is Airflow's health report
(/api/v2/monitor/health) that calls the component healthy.
"""

import json
import sys
from urllib.request import ProxyHandler, build_opener

SECONDS = 5.0


def main() -> int:
    """0 healthy, 1 not healthy."""
    url, *component = sys.argv[1:]
    try:
        # Inside the stack nothing goes through a proxy that the environment names.
        with build_opener(ProxyHandler({})).open(url, timeout=SECONDS) as answer:
            body = answer.read()
        status = json.loads(body)[component[0]]["status"] if component else "healthy"
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.stderr.write(f"{url}: {error!r}\n")
        return 1
    sys.stderr.write(f"{status}\n")
    return 0 if status == "healthy" else 1


if __name__ == "__main__":
    sys.exit(main())
