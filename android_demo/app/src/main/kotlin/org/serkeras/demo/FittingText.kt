package org.serkeras.demo

import android.content.Context
import android.util.AttributeSet
import android.util.TypedValue
import android.widget.TextView

/** One large word that gets smaller where it would be wider than the screen, as with very large fonts. */
class FittingText(context: Context, attrs: AttributeSet?) : TextView(context, attrs) {
    private var largest = 0f // pixels, from the layout

    override fun onMeasure(widthMeasureSpec: Int, heightMeasureSpec: Int) {
        if (largest == 0f) largest = textSize
        val room = MeasureSpec.getSize(widthMeasureSpec) - paddingLeft - paddingRight
        val wanted = paint.measureText(text.toString()) * largest / textSize
        val size = if (wanted > room) largest * room / wanted else largest
        if (size != textSize) setTextSize(TypedValue.COMPLEX_UNIT_PX, size)
        super.onMeasure(widthMeasureSpec, heightMeasureSpec)
    }
}
