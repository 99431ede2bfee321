/*-------------------------------------------------------------------------
 *
 * explore_table.c
 *		What tables of numbered things are made of: memory that grows, and an
 *		index of the numbers by hash.
 *
 *-------------------------------------------------------------------------
 */
#include "explore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_PLACES	1024

void *
table_resize(void *old, size_t size)
{
	void	   *new = realloc(old, size);

	if (new == NULL)
	{
		fprintf(stderr, "out of memory\n");
		exit(2);
	}
	return new;
}

void
table_free_index(ExploreIndex *index)
{
	free(index->places);
	index->places = NULL;
	index->place_count = 0;
}

void
table_empty_index(ExploreIndex *index, size_t room)
{
	index->place_count = LEAST_PLACES;
	while (index->place_count < 2 * room)
		index->place_count *= 2;
	index->places = table_resize(index->places,
								 index->place_count * sizeof(uint32_t));
	memset(index->places, 0xff, index->place_count * sizeof(uint32_t));
}

uint32_t *
table_first_place(const ExploreIndex *index, ExploreHash hash)
{
	return &index->places[hash.low & (index->place_count - 1)];
}

uint32_t *
table_next_place(const ExploreIndex *index, uint32_t *place)
{
	place++;
	return place == index->places + index->place_count ? index->places : place;
}

void
table_put(ExploreIndex *index, ExploreHash hash, uint32_t number)
{
	uint32_t   *place = table_first_place(index, hash);

	while (*place != EXPLORE_NO_NUMBER)
		place = table_next_place(index, place);
	*place = number;
}
