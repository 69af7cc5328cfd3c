package org.serkeras.demo.core

/** What the app is doing. */
enum class Phase { LOADING, READY, LISTENING, READING_FILE, BROKEN }

/** What keeps the app from listening, with what to do about it on the screen. */
enum class Problem {
    /** The model can't be loaded: [ScreenState.detail] says why. */
    MODEL_DAMAGED,

    /** The model runs, but gives something else than it must on this phone. */
    SELF_TEST_FAILED,

    /** The person said no to the microphone; asking again is possible. */
    PERMISSION_REFUSED,

    /** The person said no for good: only the system's settings help. */
    PERMISSION_BLOCKED,
    MICROPHONE_BUSY,
    MICROPHONE_LOST,

    /** The microphone gives nothing but zeros. */
    MICROPHONE_MUTED,

    /** [ScreenState.detail] says which file and why. */
    FILE_UNREADABLE,

    /** No app on this phone lets a person choose a file. */
    NO_FILE_PICKER,
}

/**
 * All that the screen shows. The Activity draws it and keeps nothing else.
 *
 * @property belief a probability a class; null before the first window that holds speech and after a long silence.
 * @property speech whether the newest window holds speech; null before the first.
 * @property levelDbfs of the last 40 ms.
 * @property windowSeconds length of a window; null before the bundle is read.
 * @property milliseconds that the last window took.
 * @property dropped windows passed over since listening began.
 * @property fileName of the file that the belief is about; null: the microphone, or a file that isn't opened yet.
 * @property moments oldest first; [timelineEnd] is the right edge, [timelineSeconds] the width.
 */
data class ScreenState(
    val phase: Phase = Phase.LOADING,
    val problem: Problem? = null,
    val detail: String? = null,
    val classes: List<String> = emptyList(),
    val facts: ModelFacts? = null,
    val card: List<CardBlock> = emptyList(),
    val belief: FloatArray? = null,
    val speech: Boolean? = null,
    val levelDbfs: Double = SILENT_DBFS,
    val windowSeconds: Double? = null,
    val milliseconds: Double? = null,
    val dropped: Long = 0,
    val fileName: String? = null,
    val fileSeconds: Double? = null,
    val moments: List<Moment> = emptyList(),
    val timelineEnd: Double = TIMELINE_SECONDS,
    val timelineSeconds: Double = TIMELINE_SECONDS,
) {
    /** Index of the class to show large; null where there is no speech or nothing was heard. */
    val top: Int? get() = belief?.takeIf { speech == true }?.let { b -> b.indices.maxByOrNull { b[it] } }

    companion object {
        const val TIMELINE_SECONDS = 30.0
    }
}
