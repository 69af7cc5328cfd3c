package org.serkeras.demo

import android.animation.ValueAnimator
import android.content.Context
import android.graphics.Canvas
import android.graphics.Paint
import android.graphics.Typeface
import android.os.Build
import android.util.AttributeSet
import android.util.TypedValue
import android.view.View
import kotlin.math.roundToInt
import org.serkeras.demo.core.ease

/** A bar a class, with its name and percentage; bars glide to new values. */
class BarsView(context: Context, attrs: AttributeSet?) : View(context, attrs) {
    private val text = Paint(Paint.ANTI_ALIAS_FLAG).apply {
        color = context.getColor(R.color.text)
        textSize = sp(16f)
    }
    private val bold = Paint(text).apply { typeface = Typeface.DEFAULT_BOLD }
    private val track = Paint(Paint.ANTI_ALIAS_FLAG).apply { color = context.getColor(R.color.track) }
    private val fill = Paint(Paint.ANTI_ALIAS_FLAG)
    private var classes = emptyList<String>()
    private var colors = emptyList<Int>()
    private var target = FloatArray(0)
    private var shown = FloatArray(0)
    private var known = false
    private var top: Int? = null
    private var lastFrame = 0L

    private val gap = sp(8f)
    private val lineHeight get() = text.fontSpacing
    private val rowHeight get() = lineHeight + gap

    /** @param belief a probability a class; null: empty bars. */
    fun show(classes: List<String>, belief: FloatArray?, top: Int?) {
        if (classes != this.classes) {
            this.classes = classes
            colors = classColors(classes).map { context.getColor(it) }
            shown = FloatArray(classes.size)
            requestLayout()
        }
        known = belief != null
        target = belief ?: FloatArray(classes.size)
        this.top = top
        if (!animated()) shown = target.copyOf()
        contentDescription = if (belief == null) {
            context.getString(R.string.bars_empty)
        } else {
            belief.indices.sortedByDescending { belief[it] }.joinToString(", ") {
                context.getString(R.string.bar_description, shownName(classes[it]), percent(belief[it]))
            }
        }
        invalidate()
    }

    override fun onMeasure(widthMeasureSpec: Int, heightMeasureSpec: Int) {
        val wanted = (classes.size * rowHeight + paddingTop + paddingBottom).roundToInt()
        setMeasuredDimension(getDefaultSize(suggestedMinimumWidth, widthMeasureSpec), resolveSize(wanted, heightMeasureSpec))
    }

    override fun onDraw(canvas: Canvas) {
        val now = System.nanoTime()
        val elapsed = if (lastFrame == 0L) 0.0 else ((now - lastFrame) / 1e9).coerceAtMost(0.1)
        lastFrame = now
        var moving = false
        for (i in classes.indices) {
            shown[i] = ease(shown[i], target[i], elapsed, TIME_CONSTANT)
            moving = moving || shown[i] != target[i]
            drawRow(canvas, i)
        }
        if (moving) postInvalidateOnAnimation() else lastFrame = 0L
    }

    private fun drawRow(canvas: Canvas, index: Int) {
        var middle = paddingTop + index * rowHeight + rowHeight / 2
        val baseline = middle - (text.ascent() + text.descent()) / 2
        val used = if (index == top) bold else text
        canvas.drawText(shownName(classes[index]), 0f, baseline, used)
        if (known) {
            used.textAlign = Paint.Align.RIGHT
            canvas.drawText(context.getString(R.string.percent, percent(target[index])), width.toFloat(), baseline, used)
            used.textAlign = Paint.Align.LEFT
        }
        // measured in bold, so that no bar moves when another name turns bold
        var left = classes.maxOf { bold.measureText(shownName(it)) } + gap
        val number = bold.measureText(context.getString(R.string.percent, 100)) + gap
        var right = width - number
        var half = lineHeight / 3
        if (right - left < number) { // very large fonts: there is no room beside the name, so it goes below
            left = 0f
            right = width.toFloat()
            half = gap / 4
            middle = paddingTop + (index + 1) * rowHeight - half
        }
        val round = half * 3 / 4
        canvas.drawRoundRect(left, middle - half, right, middle + half, round, round, track)
        fill.color = colors[index]
        val end = left + shown[index] * (right - left)
        if (end - left > 1) canvas.drawRoundRect(left, middle - half, end, middle + half, round, round, fill)
    }

    private fun percent(value: Float) = (100 * value).roundToInt()

    private fun animated() = Build.VERSION.SDK_INT < Build.VERSION_CODES.O || ValueAnimator.areAnimatorsEnabled()

    private fun sp(size: Float) = TypedValue.applyDimension(TypedValue.COMPLEX_UNIT_SP, size, resources.displayMetrics)

    private companion object {
        const val TIME_CONSTANT = 0.15 // seconds
    }
}
