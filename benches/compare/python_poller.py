"""The contender written with `requests`: asks for one URL again and again, as long as it is told, and
reads four counts from each answer. Prints how many answers it got."""

import sys
import time

import requests


def main():
    url, seconds = sys.argv[1], float(sys.argv[2])
    session = requests.Session()
    session.trust_env = False
    count = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = session.get(url, params={"access_token": "token"}, timeout=10).json()
        [answer[f"{kind}_count"] for kind in ("voice", "video", "image", "news")]
        count += 1
    print(count)


if __name__ == "__main__":
    main()
