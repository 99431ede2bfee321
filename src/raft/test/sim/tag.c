/*-------------------------------------------------------------------------
 *
 * tag.c
 *		A checksum that stands in for the HMAC of auth.c.
 *
 *-------------------------------------------------------------------------
 */
#include "sim.h"

#include <string.h>

static void
compute_tag(const uint8_t *data, size_t length, uint64_t *tag)
{
	uint64_t	a = UINT64_C(0x243f6a8885a308d3);
	uint64_t	b = UINT64_C(0x13198a2e03707344);
	size_t		i;

	for (i = 0; i + 8 <= length; i += 8)
	{
		uint64_t	word;

		memcpy(&word, data + i, 8);
		a = (a ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		a ^= a >> 29;
		b = (b + word) * UINT64_C(0xbf58476d1ce4e5b9);
	}
	tag[0] = a;
	tag[1] = b;
	tag[2] = a ^ (b >> 32);
	tag[3] = b ^ (a >> 32);
}

bool
tag_sign(void *context, const uint8_t *data, size_t length, uint8_t *tag)
{
	uint64_t	words[4];

	(void) context;
	compute_tag(data, length, words);
	memcpy(tag, words, sizeof(words));
	return true;
}

bool
tag_verify(void *context, const uint8_t *data, size_t length, const uint8_t *tag)
{
	uint64_t	words[4];

	(void) context;
	compute_tag(data, length, words);
	return memcmp(tag, words, sizeof(words)) == 0;
}
