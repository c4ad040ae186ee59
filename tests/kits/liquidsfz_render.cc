// Plays strokes with the sampler LiquidSFZ and writes what comes out: the host that the tests of SFZ files listen to.
// usage: liquidsfz_render FILE RATE FRAMES < "frame note velocity" lines > stereo float32
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <liquidsfz.hh>

int main (int argc, char **argv)
{
  if (argc != 4)
    return 2;
  LiquidSFZ::Synth synth;
  synth.set_sample_rate (atoi (argv[2]));
  synth.set_live_mode (false);
  synth.set_sample_quality (1); // at the sample's own rate that is exact, while the better ones smooth the treble
  if (!synth.load (argv[1]))
    return 1;
  const uint frames = atoi (argv[3]);
  std::vector<float> left (frames), right (frames);
  std::vector<std::vector<uint>> strokes;
  for (uint at, note, velocity; scanf ("%u %u %u", &at, &note, &velocity) == 3;)
    strokes.push_back ({ at, note, velocity });
  size_t next = 0;
  for (uint begin = 0; begin < frames; begin += 64)
    {
      const uint size = frames - begin < 64 ? frames - begin : 64;
      for (; next < strokes.size() && strokes[next][0] < begin + size; next++)
        {
          synth.add_event_note_on (strokes[next][0] - begin, 9, strokes[next][1], strokes[next][2]);
          synth.add_event_note_off (strokes[next][0] - begin, 9, strokes[next][1]);
        }
      float *outputs[] = { &left[begin], &right[begin] };
      synth.process (outputs, size);
    }
  for (uint i = 0; i < frames; i++)
    {
      fwrite (&left[i], 4, 1, stdout);
      fwrite (&right[i], 4, 1, stdout);
    }
  return 0;
}
