# What Doxygen reads of our headers: a comment behind a member is that member's, of several parameters with one explanation
# each has its own @param, and errors and sources are paragraphs of their own.
s,([;\,]) +/\* ,\1 /**< ,
:more
s/(@param(\[[a-z,]+\])?) ([a-zA-Z0-9_]+), ([a-zA-Z0-9_])/\1 \3 \1 \4/
t more
s/^( \* +)(Errors|Source): /\1@par \2\n\1/
