/* line_sinc.h -- a sinc convolved with a Gaussian, and its integral: a narrow line of moving gas in a Fourier
 * transform spectrograph.  Source: doc/math.md section 15. */
#ifndef CUBIX_LINE_SINC_H
#define CUBIX_LINE_SINC_H

/* sin(pi x/zero)/(pi x/zero), which ends at its 20th zero and has an integral of 1, with a Gaussian. */
#define CUBIX_LINE_SINC_POINTS 64
struct cubix_line_sinc {
  double zero, sigma;             /* its first zero, and a standard deviation above 0; one unit */
  /* its transform: phases at x = 1, and the weights of their sines in the integral */
  double phase[CUBIX_LINE_SINC_POINTS], weight[CUBIX_LINE_SINC_POINTS];
};

/** With its transform.  Local. */
void cubix_line_sinc_init(struct cubix_line_sinc *s, double zero, double sigma);
/** How far it reaches to either side.  Local. */
double cubix_line_sinc_reach(const struct cubix_line_sinc *s);
/** What of it lies below x.  Local. */
double cubix_line_sinc_below(const struct cubix_line_sinc *s, double x);
/** The profile at x, and its derivative.  Local. */
void cubix_line_sinc_at(const struct cubix_line_sinc *s, double x, double *profile, double *slope);

#endif
