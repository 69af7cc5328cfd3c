package android.animation;

public class ValueAnimator {
    /** A picture is taken at once: nothing may still be on its way. */
    public static boolean areAnimatorsEnabled() { return false; }
}
