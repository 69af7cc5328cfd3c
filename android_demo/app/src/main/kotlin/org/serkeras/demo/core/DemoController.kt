package org.serkeras.demo.core

import java.io.IOException
import java.util.concurrent.ExecutionException
import java.util.concurrent.Executor
import java.util.concurrent.FutureTask

/**
 * The app without its screen: loads the bundle, tests itself, listens, reads files. It outlives rotation; `state`
 * changes on the [main] thread alone, where all public functions are called too.
 *
 * @param openBundle makes the bundle from the app's assets.
 * @param makeClassifier bundle -> classifier; tests put another one in.
 * @param makeMicrophone a new microphone a session.
 * @param worker one background thread: loading, self-test and every inference run on it.
 * @param files a thread of its own for each file: whoever has it may keep that thread waiting, for ever too.
 */
class DemoController(
    private val openBundle: () -> ModelBundle,
    private val makeClassifier: (ModelBundle) -> Classifier,
    private val makeMicrophone: (sampleRate: Int) -> Microphone,
    private val main: Executor,
    private val worker: Executor,
    private val files: Executor,
) {
    var state = ScreenState()
        private set

    /** Told of every change, on the main thread. */
    var observer: ((ScreenState) -> Unit)? = null
        set(value) {
            field = value
            value?.invoke(state)
        }

    // both are made by the worker; the settings are read by main once `state` says READY
    private var classifier: Classifier? = null
    private lateinit var settings: ModelSettings

    private var session: LiveSession? = null
    private var afterLoading: (() -> Unit)? = null

    /** Counts what was started; results of something older are thrown away. */
    @Volatile
    private var generation = 0

    /** Load the model and compare it with its reference clip. Once. */
    fun load() = worker.execute {
        try {
            val bundle = openBundle()
            settings = bundle.settings
            val made = makeClassifier(bundle).also { classifier = it }
            val reference = bundle.reference()
            val difference = made.selfTest(reference)
            val ready = ScreenState(
                classes = settings.classes,
                facts = bundle.facts,
                card = cardBlocks(bundle.card()) + cardBlocks(bundle.terms()),
                windowSeconds = settings.windowSamples.toDouble() / settings.sampleRate,
                milliseconds = made.lastMilliseconds,
            )
            val right = difference <= reference.tolerance
            val detail = if (right) null else "%.3g, allowed %.3g".format(difference, reference.tolerance)
            change {
                if (right) ready.copy(phase = Phase.READY)
                else ready.copy(phase = Phase.BROKEN, problem = Problem.SELF_TEST_FAILED, detail = detail)
            }
            main.execute { afterLoading?.invoke().also { afterLoading = null } }
        } catch (e: BundleException) {
            change { it.copy(phase = Phase.BROKEN, problem = Problem.MODEL_DAMAGED, detail = e.message) }
        } catch (e: LinkageError) { // the app was built without the runtime for this phone's processor
            val detail = "LiteRT can't be loaded here: ${e.message}"
            change { it.copy(phase = Phase.BROKEN, problem = Problem.MODEL_DAMAGED, detail = detail) }
        }
    }

    /** Listen to the microphone; the permission is there. */
    fun startListening() {
        if (state.phase == Phase.LOADING || state.phase == Phase.BROKEN || state.phase == Phase.LISTENING) return
        val mine = begin()
        update { empty(it).copy(phase = Phase.LISTENING) }
        val live = Live(mine)
        session = LiveSession(makeMicrophone(settings.sampleRate), settings, worker, live::classify, live).also { it.start() }
    }

    /** Stop what runs and release the microphone; what was found stays on the screen. */
    fun stop() {
        if (state.phase != Phase.LISTENING && state.phase != Phase.READING_FILE) return
        begin()
        update { it.copy(phase = Phase.READY, levelDbfs = SILENT_DBFS, problem = null, detail = null) }
    }

    /** The person refused the microphone; [forGood]: the system won't ask again. */
    fun permissionRefused(forGood: Boolean) {
        stop()
        if (state.phase != Phase.READY) return
        update { it.copy(problem = if (forGood) Problem.PERMISSION_BLOCKED else Problem.PERMISSION_REFUSED, detail = null) }
    }

    /** The person allowed the microphone in the system's settings. */
    fun permissionGranted() {
        if (state.problem == Problem.PERMISSION_REFUSED || state.problem == Problem.PERMISSION_BLOCKED) {
            update { it.copy(problem = null) }
        }
    }

    /**
     * Classify a file.
     *
     * @param nameOf called on the file's thread; throws nothing.
     * @param open the same; throws AudioFileException, IOException, or what the app throws that has the file.
     */
    fun readFile(nameOf: () -> String, open: () -> SampleSource) {
        if (state.phase == Phase.LOADING) { // the system ended the app while its file picker was open
            afterLoading = { readFile(nameOf, open) }
            return
        }
        if (state.phase == Phase.BROKEN) return
        val mine = begin()
        update { empty(it).copy(phase = Phase.READING_FILE) }
        files.execute {
            val name = nameOf()
            if (generation != mine) return@execute
            change(mine) { it.copy(fileName = name) }
            val outcome = try {
                open().use { source ->
                    val fitting = if (source.sampleRate == settings.sampleRate) source else Resampler(source, settings.sampleRate)
                    classifyFile(fitting, settings, { classifyForFile(mine, it) }) { generation != mine }
                }?.let(Result.Companion::success)
            } catch (e: AudioFileException) {
                Result.failure(e)
            } catch (e: IOException) {
                Result.failure(e)
            } catch (e: RuntimeException) { // the other app took its permission back, or throws what it likes
                Result.failure(e)
            }
            if (outcome != null) change(mine) { fileState(it, name, outcome) }
        }
    }

    fun filePickerMissing() = update { it.copy(problem = Problem.NO_FILE_PICKER, detail = null) }

    /** Release everything; the controller is done. */
    fun close() {
        observer = null
        afterLoading = null
        begin()
        worker.execute {
            classifier?.close()
            classifier = null
        }
    }

    /** One window on the worker; a file that was stopped leaves it to others. */
    private fun classifyForFile(mine: Int, window: FloatArray): FloatArray {
        val task = FutureTask {
            check(generation == mine) { "stopped" }
            checkNotNull(classifier).probabilities(window)
        }
        worker.execute(task)
        try {
            return task.get()
        } catch (e: ExecutionException) {
            throw e.cause ?: e
        }
    }

    private fun fileState(old: ScreenState, name: String, outcome: Result<FileResult>): ScreenState {
        val result = outcome.getOrElse { e ->
            val why = if (e is AudioFileException) e.message else "can't be opened: ${e.message ?: "no reason given"}"
            return old.copy(phase = Phase.READY, fileName = null, problem = Problem.FILE_UNREADABLE, detail = "$name $why")
        }
        val timeline = Timeline(Double.MAX_VALUE)
        val hop = settings.hopSamples.toDouble() / settings.sampleRate
        val belief = RunningBelief(hop, settings.smoothingSeconds)
        result.segments.forEachIndexed { i, s ->
            val added = if (i == 0) s.end else hop // the first window brings all of itself
            val shown = belief.update(s.probabilities.takeIf { _ -> s.speech })
            timeline.add(s.end, added, shown.takeIf { _ -> s.speech })
        }
        return old.copy(
            phase = Phase.READY,
            belief = result.probabilities,
            speech = result.speech,
            milliseconds = checkNotNull(classifier).lastMilliseconds,
            fileSeconds = result.seconds,
            moments = timeline.moments,
            timelineEnd = result.seconds,
            timelineSeconds = result.seconds,
        )
    }

    /** The callbacks of one session; they come from its threads. */
    private inner class Live(private val mine: Int) : LiveSession.Listener {
        private val hop = settings.hopSamples.toDouble() / settings.sampleRate
        private val belief = RunningBelief(hop, settings.smoothingSeconds)
        private val timeline = Timeline(ScreenState.TIMELINE_SECONDS)

        fun classify(window: FloatArray): Pair<FloatArray, Double> {
            val running = checkNotNull(classifier)
            return running.probabilities(window) to running.lastMilliseconds
        }

        override fun onLevel(dbfs: Double, digitalZero: Boolean) = change(mine) {
            val other = it.problem.takeUnless { p -> p == Problem.MICROPHONE_MUTED } // of that the level knows nothing
            it.copy(levelDbfs = dbfs, problem = other ?: Problem.MICROPHONE_MUTED.takeIf { digitalZero })
        }

        override fun onWindow(window: LiveWindow) {
            val segment = window.segment
            val shown = belief.update(segment.probabilities.takeIf { segment.speech })
            timeline.add(segment.end, hop, shown.takeIf { segment.speech })
            val moments = timeline.moments
            change(mine) {
                it.copy(
                    belief = shown,
                    speech = segment.speech,
                    milliseconds = window.milliseconds,
                    dropped = window.dropped,
                    moments = moments,
                    timelineEnd = segment.end,
                )
            }
        }

        override fun onTrouble(trouble: MicrophoneTrouble) = change(mine) {
            val problem = if (trouble == MicrophoneTrouble.BUSY) Problem.MICROPHONE_BUSY else Problem.MICROPHONE_LOST
            it.copy(phase = Phase.READY, levelDbfs = SILENT_DBFS, problem = problem, detail = null)
        }
    }

    private fun begin(): Int {
        session?.stop()
        session = null
        return ++generation
    }

    private fun empty(old: ScreenState) =
        ScreenState(
            classes = old.classes,
            facts = old.facts,
            card = old.card,
            windowSeconds = old.windowSeconds,
            milliseconds = old.milliseconds,
        )

    private fun change(of: Int = generation, how: (ScreenState) -> ScreenState) = main.execute {
        if (of == generation) update(how)
    }

    private fun update(how: (ScreenState) -> ScreenState) {
        state = how(state)
        observer?.invoke(state)
    }
}
