package org.serkeras.demo

import java.io.IOException
import java.util.concurrent.CountDownLatch
import java.util.concurrent.Executor
import java.util.concurrent.ExecutorService
import java.util.concurrent.Executors
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit.MILLISECONDS
import java.util.concurrent.TimeUnit.SECONDS
import org.junit.After
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertSame
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
    private var controller = controller({ it.run() }) { it.run() }

    private fun controller(worker: Executor, files: Executor) = DemoController(
        openBundle = { bundle },
        makeClassifier = { Classifier(it.model(), it.settings) },
        makeMicrophone = { microphone },
        main = { tasks.put(it) },
        worker = worker,
        files = files,
    )

    private fun await(what: String, check: () -> Boolean) {
        val end = System.nanoTime() + 30_000_000_000
        while (!check()) {
            assertTrue("waited in vain for: $what", System.nanoTime() < end)
            tasks.poll(50, MILLISECONDS)?.run()
        }
    }

    private val threads = mutableListOf<ExecutorService>()

    private fun thread() = Executors.newSingleThreadExecutor().also { threads += it }

    @After
    fun close() {
        controller.close()
        threads.forEach { it.shutdown() }
    }

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
        controller = controller({ work += it }) { work += it }
        var opened = false
        controller.load()
        controller.readFile({ "voice" }) { opened = true; Samples(FloatArray(16000), 16000) }
        controller.close()
        while (work.isNotEmpty()) work.removeAt(0).run()
        while (true) (tasks.poll() ?: break).run()
        while (work.isNotEmpty()) work.removeAt(0).run()
        assertFalse(opened)
    }

    @Test
    fun aFileThatOpensTooLateIsClosedAndSaysNothing() {
        val file = thread()
        controller = controller(thread(), file)
        controller.load()
        await("the model") { controller.state.phase == Phase.READY }
        val late = Samples(bundle.reference().samples, bundle.settings.sampleRate)
        val opens = CountDownLatch(1)
        controller.readFile({ "voice" }) { late.also { opens.await() } }
        await("its name") { controller.state.fileName == "voice" }
        controller.stop()
        controller.startListening()
        val samples = bundle.reference().samples
        for (start in samples.indices step 640) microphone.blocks.put(samples.copyOfRange(start, minOf(start + 640, samples.size)))
        await("an answer while the file hangs") { controller.state.speech == true }
        val heard = controller.state.moments
        opens.countDown()
        file.submit { }.get(30, SECONDS)
        while (true) (tasks.poll() ?: break).run()
        assertTrue(late.closed)
        assertEquals(Phase.LISTENING, controller.state.phase)
        assertSame(heard, controller.state.moments)
        assertNull(controller.state.fileSeconds)
    }

    @Test
    fun theEndDoesntWaitForAFile() {
        val worker = thread()
        controller = controller(worker, thread())
        controller.load()
        await("the model") { controller.state.phase == Phase.READY }
        val opens = CountDownLatch(1)
        controller.readFile({ "voice" }) { opens.await(); throw IOException("no network") }
        await("its name") { controller.state.fileName == "voice" }
        controller.close()
        worker.submit { }.get(30, SECONDS) // behind the model's release
        opens.countDown()
    }
}
