"""One chief, many workers, over KerasTuner's own gRPC service; what it lacks is added around it.

Every call of a worker carries its name and the search's fingerprint: the chief refuses workers with other data or
settings, and knows by the calls who is alive. The channel is neither encrypted nor authenticated: keep it on a network
of your own.
"""

import contextlib
import threading
import time
from concurrent import futures

import grpc
from keras_tuner.src import protos
from keras_tuner.src.distribute import oracle_chief, oracle_client
from keras_tuner.src.engine import conditions

from ser_keras.common.errors import SerKerasError
from ser_keras.common.progress import say
from ser_keras.tuning.trials import Interrupted

WORKER, FINGERPRINT, GOODBYE = "ser-keras-worker", "ser-keras-fingerprint", "ser-keras-goodbye"
LEASE = "ser-keras-lease"  # the chief says it with every answer: workers beat by its lease, not by theirs
conditions.print = lambda *_: None  # KerasTuner 1.4.8 prints a condition's first value at every call
BEATS = 5  # signs of life a lease
# A proxy in the environment is no way to a chief: gRPC would take it even to the own machine.
OPTIONS = (("grpc.enable_http_proxy", 0), ("grpc.max_receive_message_length", -1))


def address(text, option):
    """(host, port) from `HOST:PORT`.

    Raises:
        SerKerasError: it is something else.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 <= int(port) < 65536:
        raise SerKerasError(f"{option} {text}: write HOST:PORT, as in 10.0.0.5:8000")
    return host, int(port)


class _Door(grpc.ServerInterceptor):
    """Refuses strangers and notes who was heard."""

    def __init__(self, oracle, fingerprint):
        self.oracle, self.fingerprint = oracle, fingerprint

    def intercept_service(self, continuation, handler_call_details):
        told = dict(handler_call_details.invocation_metadata)
        if (theirs := told.get(FINGERPRINT)) != self.fingerprint:
            reason = (
                f"the chief searches with other data or other settings (its fingerprint is {self.fingerprint}, this "
                f"worker's {theirs or 'missing'}); give the worker the same corpora, SPACE and options"
            )
            return grpc.unary_unary_rpc_method_handler(
                lambda request, context: context.abort(grpc.StatusCode.FAILED_PRECONDITION, reason)
            )
        if GOODBYE in told:
            self.oracle.give_back(told[WORKER])
        else:
            self.oracle.heard(told[WORKER])
        return self._announcing(continuation(handler_call_details))

    def _announcing(self, handler):
        def answer(request, context):
            context.send_initial_metadata(((LEASE, repr(self.oracle.lease_s)),))
            return handler.unary_unary(request, context)

        if handler is None:  # no such call
            return None
        return grpc.unary_unary_rpc_method_handler(answer, handler.request_deserializer, handler.response_serializer)


class Chief:
    """Serves an oracle to workers.

    Args:
        oracle: Durable.
        host, port: where; port 0 takes a free one.
        fingerprint: what a worker must have.

    Attributes:
        port: the port it listens on.

    Raises:
        SerKerasError: the address can't be taken.
    """

    def __init__(self, oracle, host, port, fingerprint):
        self.oracle = oracle
        # One thread: KerasTuner's oracles aren't made for calls within calls.
        pool = futures.ThreadPoolExecutor(max_workers=1)
        options = (*OPTIONS, ("grpc.so_reuseport", 0))
        self._server = grpc.server(pool, interceptors=[_Door(oracle, fingerprint)], options=options)
        protos.get_service_grpc().add_OracleServicer_to_server(oracle_chief.OracleServicer(oracle), self._server)
        try:
            self.port = self._server.add_insecure_port(f"{host}:{port}")
        except RuntimeError as error:
            raise SerKerasError(
                f"--chief {host}:{port}: the address can't be taken; it is in use or not ours"
            ) from error
        if not self.port:
            raise SerKerasError(f"--chief {host}:{port}: the address can't be taken; it is in use or not ours")
        self._server.start()

    def wait(self, tick, seconds=0.5):
        """Until the search is over; early and late workers are fine, and none at all is waited for.

        Args:
            tick: called again and again.
            seconds: between two calls.

        Raises:
            SerKerasError: the oracle failed, or too many trials did.
        """
        while not self.oracle.is_over:
            time.sleep(seconds)
            for tuner_id in self.oracle.expire():
                say(f"nothing was heard of {tuner_id} for {self.oracle.lease_s:g} s: its trial waits for another")
            if self.oracle.fault is not None:
                raise self.oracle.fault
            if self.oracle.trouble and not self.oracle.ongoing_trials:
                break
            tick()
        # Whoever is still there asks once more and is sent home.
        until = time.monotonic() + min(10.0, self.oracle.lease_s)
        while self.oracle.tuner_ids and time.monotonic() < until:
            time.sleep(0.1)

    def stop(self):
        self._server.stop(grace=1).wait()


class _Introduced(grpc.UnaryUnaryClientInterceptor):
    """Adds name and fingerprint to each call, and repeats calls that the chief's restart cut off."""

    def __init__(self, tuner_id, fingerprint, patience_s):
        self.told = [(WORKER, tuner_id), (FINGERPRINT, fingerprint)]
        self.patience_s = patience_s
        self.leaving, self.lease_s = False, None

    def intercept_unary_unary(self, continuation, details, request):
        told = [*self.told, (GOODBYE, "1")] if self.leaving else self.told
        details = _Details(details.method, min(details.timeout or 60, self.patience_s), told, None, True, None)
        until = time.monotonic() + self.patience_s
        while True:
            response = continuation(details, request)
            code = response.code()
            if code == grpc.StatusCode.OK:
                said = dict(response.initial_metadata() or ())
                self.lease_s = float(said.get(LEASE, self.lease_s or 60.0))
                return response
            if code == grpc.StatusCode.FAILED_PRECONDITION:
                raise Interrupted(response.details())
            if code not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                raise Interrupted(f"the chief failed: {response.details()}")
            if self.leaving or time.monotonic() > until:
                raise Interrupted(f"no chief was heard for {self.patience_s:g} s; start it, or check --join")
            time.sleep(0.5)


class _Details(grpc.ClientCallDetails):
    def __init__(self, method, timeout, metadata, credentials, wait_for_ready, compression):
        self.method, self.timeout, self.metadata, self.credentials = method, timeout, metadata, credentials
        self.wait_for_ready, self.compression = wait_for_ready, compression


class Client(oracle_client.OracleClient):
    """A worker's side of the oracle: KerasTuner's client on a channel of ours.

    Args:
        oracle: an oracle of the same space, for what needs no call.
        host, port: the chief's.
        tuner_id: this worker's name, different for each.
        fingerprint: see `Chief`.
        patience_s: how long a chief that doesn't answer is waited for.
        stopwatch: accounting.Stopwatch, for the time spent waiting.
    """

    def __init__(self, oracle, host, port, tuner_id, fingerprint, patience_s, stopwatch):
        # Not KerasTuner's __init__: it takes its address from the environment and a channel that heeds proxies.
        self._oracle, self.tuner_id = oracle, tuner_id
        self.multi_worker, self.should_report = False, True
        self._introduced = _Introduced(tuner_id, fingerprint, patience_s)
        self._channel = grpc.insecure_channel(f"{host}:{port}", OPTIONS)
        self.stub = protos.get_service_grpc().OracleStub(grpc.intercept_channel(self._channel, self._introduced))
        self._stopwatch, self._trial, self._done = stopwatch, None, threading.Event()
        self._beats = threading.Thread(target=self._beat, daemon=True)
        self._beats.start()

    def create_trial(self, tuner_id):
        """The next trial; while the others' trials may still come back, it is waited for."""
        with self._stopwatch.part("waiting"):
            while True:
                trial = super().create_trial(tuner_id)
                if trial.status != "IDLE":
                    self._trial = trial.trial_id if trial.status == "RUNNING" else None
                    return trial
                time.sleep(0.5)

    def end_trial(self, trial):
        super().end_trial(trial)
        self._trial = None

    def _beat(self):
        """A fifth of the chief's lease lies between two signs of life; before the chief was heard there is no trial."""
        while not self._done.wait((self._introduced.lease_s or 1.0) / BEATS):
            if (trial_id := self._trial) is not None:
                # The next call says it if the chief is gone for good.
                with contextlib.suppress(Exception):
                    self.get_trial(trial_id)

    def close(self, goodbye=False):
        """Stop the signs of life; with `goodbye`, give the trial back at once."""
        self._done.set()
        if goodbye:
            self._introduced.leaving, self._introduced.patience_s = True, 2
            with contextlib.suppress(Exception):
                self.get_space()
        self._channel.close()
