"""One chief, many workers, over KerasTuner's own gRPC service; what it lacks is added around it.

How a call travels: a worker's `trials.FoldTuner` calls its `Client` as if that were the oracle; `_Introduction` adds
the worker's name and the search's fingerprint, and repeats a call that the chief's restart cut off. At the chief
`_Door` refuses workers with other data or settings and notes who was heard; KerasTuner's servicer then calls the
method of the same name of the one `Durable`. Its answer travels back with the length of a lease: the client calls
`get_trial` five times a lease while a trial runs, as a sign of life, and the chief gives the trials of silent workers
to others (`Durable.expire`).

The channel is neither encrypted nor authenticated: keep it on a network of your own.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from concurrent import futures
from typing import TYPE_CHECKING

import grpc

from ser_keras.common.errors import SerKerasError
from ser_keras.common.progress import say
from ser_keras.tuning.keras_tuner_private import OpenClient, serve_oracle
from ser_keras.tuning.trials import Interrupted

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from keras_tuner.engine.trial import Trial

    from ser_keras.tuning.accounting import Stopwatch
    from ser_keras.tuning.durable_oracle import Durable

WORKER, FINGERPRINT, GOODBYE = "ser-keras-worker", "ser-keras-fingerprint", "ser-keras-goodbye"
LEASE = "ser-keras-lease"  # the chief says it with every answer: workers beat by its lease, not by theirs
BEATS = 5  # signs of life a lease
# A proxy in the environment is no way to a chief: gRPC would take it even to the own machine.
OPTIONS = (("grpc.enable_http_proxy", 0), ("grpc.max_receive_message_length", -1))


def address(text: str, argument: str) -> tuple[str, int]:
    """(host, port) from `HOST:PORT`; messages name the argument that gave the text.

    Raises:
        SerKerasError: it is something else.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 <= int(port) < 65536:
        raise SerKerasError(f"`{argument}` {text}: write HOST:PORT, as in 10.0.0.5:8000")
    return host, int(port)


class _Door(grpc.ServerInterceptor):
    """The chief's side of every call: refuses workers of other searches and notes who was heard."""

    def __init__(self, oracle: Durable, fingerprint: str) -> None:
        self.oracle, self.fingerprint = oracle, fingerprint

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler | None:
        metadata = dict(handler_call_details.invocation_metadata)
        if (theirs := metadata.get(FINGERPRINT)) != self.fingerprint:
            reason = (
                f"the chief searches with other data or other settings (its fingerprint is {self.fingerprint}, this "
                f"worker's {theirs or 'missing'}); give the worker the same corpora, SPACE and options"
            )
            return grpc.unary_unary_rpc_method_handler(
                lambda request, context: context.abort(grpc.StatusCode.FAILED_PRECONDITION, reason)
            )
        if GOODBYE in metadata:
            self.oracle.give_back(metadata[WORKER])
        else:
            self.oracle.heard(metadata[WORKER])
        return self._with_lease(continuation(handler_call_details))

    def _with_lease(self, handler: grpc.RpcMethodHandler | None) -> grpc.RpcMethodHandler | None:
        """A handler that sends the length of a lease before its answer."""
        if handler is None:  # no such call
            return None

        def answer(request: Message, context: grpc.ServicerContext) -> Message:
            context.send_initial_metadata(((LEASE, repr(self.oracle.lease_s)),))
            return handler.unary_unary(request, context)

        return grpc.unary_unary_rpc_method_handler(answer, handler.request_deserializer, handler.response_serializer)


class Chief:
    """Serves an oracle to workers.

    Args:
        oracle: of the search.
        host: the address to listen on.
        port: 0 takes a free one.
        fingerprint: what a worker must have.

    Attributes:
        port: the port it listens on.

    Raises:
        SerKerasError: the address can't be taken.
    """

    def __init__(self, oracle: Durable, host: str, port: int, *, fingerprint: str) -> None:
        self.oracle = oracle
        # One thread: KerasTuner's oracles aren't made for calls within calls.
        pool = futures.ThreadPoolExecutor(max_workers=1)
        options = (*OPTIONS, ("grpc.so_reuseport", 0))
        self._server = grpc.server(pool, interceptors=[_Door(oracle, fingerprint)], options=options)
        serve_oracle(oracle, self._server)
        try:
            self.port = self._server.add_insecure_port(f"{host}:{port}")
        except RuntimeError as error:
            raise SerKerasError(
                f"`chief` {host}:{port}: the address can't be taken; it is in use or not ours"
            ) from error
        if not self.port:
            raise SerKerasError(f"`chief` {host}:{port}: the address can't be taken; it is in use or not ours")
        self._server.start()

    def wait(self, tick: Callable[[], None], seconds: float = 0.5) -> None:
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
        # A worker that is still there asks once more and is sent home.
        until = time.monotonic() + min(10.0, self.oracle.lease_s)
        while self.oracle.tuner_ids and time.monotonic() < until:
            time.sleep(0.1)

    def stop(self, grace_s: float | None = 1.0) -> None:
        """End the server; running calls have `grace_s` seconds to end (None: none)."""
        self._server.stop(grace=grace_s).wait()


class _Introduction(grpc.UnaryUnaryClientInterceptor):
    """A worker's side of every call: adds its name and fingerprint, and repeats what the chief's restart cut off.

    Attributes:
        patience_s: how long a chief that doesn't answer is waited for.
        leaving: whether the call is the last: the chief then gives the trial to another worker.
        lease_s: the chief's, from its last answer; None before the first.
    """

    def __init__(self, tuner_id: str, fingerprint: str, patience_s: float) -> None:
        self.metadata = [(WORKER, tuner_id), (FINGERPRINT, fingerprint)]
        self.patience_s = patience_s
        self.leaving = False
        self.lease_s: float | None = None

    def intercept_unary_unary(
        self,
        continuation: Callable[[grpc.ClientCallDetails, Message], grpc.Call],
        client_call_details: grpc.ClientCallDetails,
        request: Message,
    ) -> grpc.Call:
        details = _Details(
            client_call_details.method,
            min(client_call_details.timeout or 60, self.patience_s),
            [*self.metadata, (GOODBYE, "1")] if self.leaving else self.metadata,
        )
        until = time.monotonic() + self.patience_s
        while True:
            response = continuation(details, request)
            code = response.code()
            if code == grpc.StatusCode.OK:
                answered = dict(response.initial_metadata() or ())
                self.lease_s = float(answered.get(LEASE, self.lease_s or 60.0))
                return response
            if code == grpc.StatusCode.FAILED_PRECONDITION:
                raise Interrupted(response.details())
            if code not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                raise Interrupted(f"the chief failed: {response.details()}")
            if self.leaving or time.monotonic() > until:
                raise Interrupted(f"no chief was heard for {self.patience_s:g} s; start it, or check `join`")
            time.sleep(0.5)


class _Details(grpc.ClientCallDetails):
    """How one call is made; it waits for a chief that isn't there yet."""

    credentials = None
    wait_for_ready = True
    compression = None

    def __init__(self, method: str, timeout: float, metadata: Sequence[tuple[str, str]]) -> None:
        self.method, self.timeout, self.metadata = method, timeout, metadata


class Client(OpenClient):
    """A worker's side of the oracle: KerasTuner's client on a channel of ours.

    Args:
        oracle: an oracle of the same space, for what needs no call.
        host: the chief's.
        port: the chief's.
        tuner_id: this worker's name, different for each.
        fingerprint: see `Chief`.
        patience_s: how long a chief that doesn't answer is waited for.
        stopwatch: for the time spent waiting.
    """

    def __init__(
        self,
        oracle: Durable,
        host: str,
        port: int,
        *,
        tuner_id: str,
        fingerprint: str,
        patience_s: float,
        stopwatch: Stopwatch,
    ) -> None:
        self._introduction = _Introduction(tuner_id, fingerprint, patience_s)
        self._plain_channel = grpc.insecure_channel(f"{host}:{port}", OPTIONS)
        super().__init__(oracle, tuner_id, grpc.intercept_channel(self._plain_channel, self._introduction))
        self._stopwatch = stopwatch
        self._running: str | None = None  # trial_id that this worker runs
        self._closed = threading.Event()
        self._beats = threading.Thread(target=self._beat, daemon=True)
        self._beats.start()

    @property
    def lease_s(self) -> float | None:
        """The chief's lease in seconds; None before its first answer."""
        return self._introduction.lease_s

    def create_trial(self, tuner_id: str) -> Trial:
        """The next trial; while another worker's trial may return to the queue, this waits for it."""
        with self._stopwatch.part("waiting"):
            while True:
                trial = super().create_trial(tuner_id)
                if trial.status != "IDLE":
                    self._running = trial.trial_id if trial.status == "RUNNING" else None
                    return trial
                time.sleep(0.5)

    def end_trial(self, trial: Trial) -> None:
        super().end_trial(trial)
        self._running = None

    def _beat(self) -> None:
        """A fifth of the chief's lease lies between two signs of life; before the chief was heard there is no trial."""
        while not self._closed.wait((self.lease_s or 1.0) / BEATS):
            if (trial_id := self._running) is not None:
                # The next call says it if the chief is gone for good.
                with contextlib.suppress(Exception):
                    self.get_trial(trial_id)

    def fall_silent(self) -> None:
        """Give no more signs of life."""
        self._closed.set()

    def close(self, goodbye: bool = False) -> None:
        """Stop the signs of life; with `goodbye`, give the trial back at once."""
        self.fall_silent()
        if goodbye:
            self._introduction.leaving, self._introduction.patience_s = True, 2
            with contextlib.suppress(Exception):
                self.get_space()
        self._plain_channel.close()
