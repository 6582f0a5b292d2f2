#!/bin/sh
# The worker of the unit tests: their own program, in which one test is the worker.
exec "$QUORATE_TEST_WORKER" --exact pkcs11::tests::a_worker_ends_with_an_error_where_nobody_gives_it_a_job --nocapture
