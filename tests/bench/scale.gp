# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
#
# gnuplot -e "in='docs/scale.dat'; out='docs/scale.svg'" scale.gp
set terminal svg size 1360,680 font "sans-serif,12" background "white"
set output out
set multiplot layout 2,4
set logscale x
set yrange [0:*]
set grid
set key bottom left
titles = "'ms per 1,000 handshakes' 'ms per 100,000 messages' 'ms per GiB' 'MiB'"
workers = "1 2 4 8"
kinds = "servers frontends certificates"
set xlabel "open connections"
do for [column=2:5] {
	if (column == 5) { set key top left }
	set title word(titles, column - 1)
	plot for [i=1:4] in index i-1 using 1:column with linespoints \
	    title word(workers, i) . (i == 1 ? " worker" : " workers")
}
set key bottom left
set xlabel "how many of them"
do for [column=2:5] {
	if (column == 5) { set key top left }
	set title word(titles, column - 1) . (column == 5 ? " without connections" : "")
	plot for [i=1:3] in index i+3 using 1:column with linespoints title word(kinds, i)
}
