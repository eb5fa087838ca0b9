"""
Real RabbitMQ and PostgreSQL for the tests: find one, start a private one, or say in a sentence why there is none.

`python -m tests.servers` says what the tests would use, and installs Debian's packages where it must and may.
"""
