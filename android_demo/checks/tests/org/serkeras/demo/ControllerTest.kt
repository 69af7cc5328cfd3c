package org.serkeras.demo

import java.util.concurrent.Executor
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit.MILLISECONDS
import org.junit.After
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.serkeras.demo.core.Classifier
import org.serkeras.demo.core.DemoController
import org.serkeras.demo.core.HandMicrophone
import org.serkeras.demo.core.Phase
import org.serkeras.demo.core.Problem
import org.serkeras.demo.core.RunningBelief
import org.serkeras.demo.core.Samples
import org.serkeras.demo.core.classifyFile
import org.serkeras.demo.core.shippedBundle

/** The app without its screen, with the real model; the test is its main thread. */
class ControllerTest {
    private val tasks = LinkedBlockingQueue<Runnable>()
    private val microphone = HandMicrophone()
    private val bundle = shippedBundle()
    private var controller = controller { it.run() }

    private fun controller(worker: Executor) = DemoController(
        openBundle = { bundle },
        makeClassifier = { Classifier(it.model(), it.settings) },
        makeMicrophone = { microphone },
        main = { tasks.put(it) },
        worker = worker,
    )

    private fun await(what: String, check: () -> Boolean) {
        val end = System.nanoTime() + 30_000_000_000
        while (!check()) {
            assertTrue("waited in vain for: $what", System.nanoTime() < end)
            tasks.poll(50, MILLISECONDS)?.run()
        }
    }

    @After
    fun close() = controller.close()

    @Test
    fun theLevelLeavesOtherProblemsOnTheScreen() {
        controller.load()
        await("the model") { controller.state.phase == Phase.READY }
        controller.startListening()
        controller.filePickerMissing()
        microphone.blocks.put(FloatArray(640) { 0.1f })
        await("the level") { controller.state.levelDbfs > -30 }
        assertEquals(Problem.NO_FILE_PICKER, controller.state.problem)
        controller.stop()
    }

    @Test
    fun theTimelineOfAFileShowsTheBelief() {
        controller.load()
        await("the model") { controller.state.phase == Phase.READY }
        val clip = bundle.reference().samples
        val samples = clip + clip.reversedArray() + clip
        val settings = bundle.settings
        val expected = Classifier(bundle.model(), settings).use {
            classifyFile(Samples(samples, settings.sampleRate), settings, it::probabilities)!!
        }
        controller.readFile({ "voice" }) { Samples(samples, settings.sampleRate) }
        await("the answer") { controller.state.fileSeconds != null }
        val belief = RunningBelief(settings.hopSamples.toDouble() / settings.sampleRate, settings.smoothingSeconds)
        val moments = controller.state.moments
        assertEquals(expected.segments.size, moments.size)
        expected.segments.zip(moments).forEach { (segment, moment) ->
            val shown = belief.update(segment.probabilities.takeIf { segment.speech })
            if (segment.speech) assertArrayEquals(shown, moment.probabilities, 1e-6f)
        }
        assertArrayEquals(expected.probabilities, controller.state.belief, 1e-6f)
    }

    @Test
    fun aFileThatWaitedIsNotReadAfterTheEnd() {
        val work = mutableListOf<Runnable>()
        controller = controller { work += it }
        var opened = false
        controller.load()
        controller.readFile({ "voice" }) { opened = true; Samples(FloatArray(16000), 16000) }
        controller.close()
        while (work.isNotEmpty()) work.removeAt(0).run()
        while (true) (tasks.poll() ?: break).run()
        while (work.isNotEmpty()) work.removeAt(0).run()
        assertFalse(opened)
    }
}
