/* The version of this source tree, as `gatehouse version`, metrics and status say it. */
#ifndef GATEHOUSE_COMMON_VERSION_H
#define GATEHOUSE_COMMON_VERSION_H

#ifndef GATEHOUSE_VERSION
#	define GATEHOUSE_VERSION "0.1.0"
#endif

#endif
