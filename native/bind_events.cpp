// Python interface of the event engine. As in bind.cpp, whatever could read or write outside an
// array is checked here, too.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include "events.hpp"
#include "packed.hpp"

namespace nb = nanobind;

namespace netwright {
namespace {

using Rows = nb::ndarray<const std::int64_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Cube = nb::ndarray<const std::int64_t, nb::ndim<3>, nb::c_contig, nb::device::cpu>;
using Numbers = std::vector<std::int64_t>;

constexpr std::int64_t most_cycles = std::int64_t{1} << 30;
constexpr std::int64_t most = std::int64_t{1} << 40;

std::vector<int> within(const Numbers& values, std::size_t size, std::int64_t least,
                        std::int64_t limit, const char* message) {
  require(values.size() == size, message);
  std::vector<int> found;
  for (const std::int64_t value : values) {
    require(value >= least && value < limit, message);
    found.push_back(static_cast<int>(value));
  }
  return found;
}

// Windows are rows of level, cycles, size, then a flag for each command before and after.
EventTable table_of(const Numbers& levels, const Numbers& roles, const Numbers& openers,
                    const Numbers& closers, const Numbers& latencies, const Cube& distances,
                    const std::vector<Numbers>& windows, const Numbers& sizes) {
  const std::size_t size = levels.size();
  require(size > 0 && size <= 256 && sizes.size() == 5, "the table has a wrong size");
  const auto commands = static_cast<std::int64_t>(size);
  require(sizes[0] >= 1 && sizes[0] <= 1024 && sizes[1] >= 1 && sizes[1] <= 1024 &&
              sizes[2] >= 1 && sizes[2] <= 1024 && sizes[3] >= -1 && sizes[3] < commands &&
              sizes[4] >= 0 && sizes[4] < most_cycles && (sizes[3] < 0 || sizes[4] > 0),
          "the organization is out of range");
  EventTable table;
  table.commands = static_cast<int>(size);
  table.channels = static_cast<int>(sizes[0]);
  table.groups = static_cast<int>(sizes[1]);
  table.banks_per_group = static_cast<int>(sizes[2]);
  table.refresh = static_cast<int>(sizes[3]);
  table.refresh_cycles = sizes[4];
  table.levels = within(levels, size, 0, 3, "levels are out of range");
  table.roles = within(roles, size, 0, 5, "roles are out of range");
  table.openers = within(openers, size, -1, commands, "openers are out of range");
  table.closers = within(closers, size, -1, commands, "closers are out of range");
  within(latencies, size, 0, std::int64_t{1} << 31, "latencies are out of range");
  table.latencies = latencies;
  for (std::size_t command = 0; command < size; ++command) {
    const auto fits = [&](int other, int role) {
      return other >= 0 && table.roles[static_cast<std::size_t>(other)] == role &&
             table.levels[static_cast<std::size_t>(other)] >= table.levels[command];
    };
    require(table.roles[command] != 3 ||
                (fits(table.openers[command], 0) && fits(table.closers[command], 1)),
            "a command that needs a row must have one that opens and one that closes rows");
  }
  require(table.refresh < 0 ||
              (table.roles[static_cast<std::size_t>(table.refresh)] == 2 &&
               table.levels[static_cast<std::size_t>(table.refresh)] == 0 &&
               table.closers[static_cast<std::size_t>(table.refresh)] >= 0 &&
               table.roles[static_cast<std::size_t>(
                   table.closers[static_cast<std::size_t>(table.refresh)])] == 1),
          "the command that refreshes must have one that closes rows");
  require(distances.shape(0) == 3 && distances.shape(1) == size && distances.shape(2) == size,
          "distances have a wrong shape");
  table.waits.resize(size);
  table.counted.resize(size);
  for (std::size_t level = 0; level < 3; ++level) {
    for (std::size_t first = 0; first < size; ++first) {
      for (std::size_t second = 0; second < size; ++second) {
        const std::int64_t cycles = distances.data()[(level * size + first) * size + second];
        if (cycles <= 0) continue;
        require(cycles < most_cycles && static_cast<int>(level) <= table.levels[first] &&
                    static_cast<int>(level) <= table.levels[second],
                "a distance is out of range");
        table.waits[first].push_back(
            {static_cast<int>(level), static_cast<int>(second), cycles});
      }
    }
  }
  for (const Numbers& row : windows) {
    require(row.size() == 3 + 2 * size && row[0] >= 0 && row[0] < 3 && row[2] >= 2 &&
                row[2] <= 64 && row[1] < most_cycles && row[1] > -most_cycles,
            "a window is out of range");
    EventTable::Window window{static_cast<int>(row[0]), static_cast<int>(row[2]), row[1], {}};
    for (std::size_t command = 0; command < size; ++command) {
      const bool before = row[3 + command] != 0;
      const bool after = row[3 + size + command] != 0;
      require(!(before || after) || table.levels[command] >= window.level,
              "a window counts commands that concern more than its level");
      if (before) table.counted[command].push_back(static_cast<int>(table.windows.size()));
      if (after) window.following.push_back(static_cast<int>(command));
    }
    table.windows.push_back(std::move(window));
  }
  return table;
}

Numbers checked(const Rows& requests, const EventTable& table, const Numbers& stages,
                const Numbers& busy, int lookahead) {
  require(requests.shape(1) == request_columns, "requests have a wrong shape");
  require(busy.size() == stages.size(), "there must be busy cycles for each stage");
  require(lookahead >= 1 && lookahead <= 256, "lookahead must be from 1 to 256");
  std::int64_t last = 0;
  for (std::size_t stage = 0; stage < stages.size(); ++stage) {
    require(stages[stage] >= last && busy[stage] >= 0 && busy[stage] < most, "a stage is wrong");
    last = stages[stage];
  }
  require(last == static_cast<std::int64_t>(requests.shape(0)), "stages must cover all requests");
  std::int64_t commands = 0;
  const std::int64_t* row = requests.data();
  for (std::size_t number = 0; number < requests.shape(0); ++number, row += request_columns) {
    require(row[0] >= 0 && row[0] < table.commands && row[1] >= 0 && row[1] < table.channels &&
                row[2] >= 0 && row[2] < table.banks() && row[3] >= 0 && row[3] < most &&
                row[4] >= 0 && row[4] < most && row[5] >= 1 && row[5] < most && row[6] >= 0 &&
                row[6] < most && table.roles[static_cast<std::size_t>(row[0])] >= 3,
            "a request is out of range");
    commands += row[5];
    require(commands < (std::int64_t{1} << 31), "there are too many commands");
  }
  return {requests.data(), requests.data() + requests.shape(0) * request_columns};
}

nb::ndarray<nb::numpy, std::int64_t, nb::ndim<2>> array_of(const Numbers& values,
                                                           std::size_t columns) {
  auto* const copy = new Numbers(values);
  const nb::capsule owner(copy, [](void* held) noexcept { delete static_cast<Numbers*>(held); });
  return {copy->data(), {copy->size() / columns, columns}, owner};
}

}  // namespace

void bind_events(nb::module_& module) {
  nb::class_<EventRun>(module, "EventRun")
      .def(
          "__init__",
          [](EventRun* self, const Numbers& levels, const Numbers& roles, const Numbers& openers,
             const Numbers& closers, const Numbers& latencies, const Cube& distances,
             const std::vector<Numbers>& windows, const Numbers& sizes, const Rows& requests,
             const Numbers& stages, const Numbers& busy, int lookahead, bool traced) {
            EventTable table =
                table_of(levels, roles, openers, closers, latencies, distances, windows, sizes);
            Numbers rows = checked(requests, table, stages, busy, lookahead);
            new (self) EventRun(std::move(table), std::move(rows), stages, busy, lookahead, traced);
          },
          nb::arg("levels"), nb::arg("roles"), nb::arg("openers"), nb::arg("closers"),
          nb::arg("latencies"), nb::arg("distances").noconvert(), nb::arg("windows"),
          nb::arg("sizes"), nb::arg("requests").noconvert(), nb::arg("stages"), nb::arg("busy"),
          nb::arg("lookahead"), nb::arg("traced"))
      .def(
          "advance",
          [](EventRun& self, std::int64_t num_commands) {
            require(num_commands > 0 && num_commands < most, "commands must be above 0");
            const nb::gil_scoped_release release;
            return self.advance(num_commands);
          },
          nb::arg("num_commands"))
      .def_prop_ro("issued", &EventRun::issued)
      .def("trace", [](const EventRun& self) { return array_of(self.trace(), trace_columns); })
      .def("stage_ends", [](const EventRun& self) { return self.stage_ends(); })
      .def("counts", [](const EventRun& self) { return self.counts(); })
      .def("active_cycles", [](const EventRun& self) { return self.active_cycles(); });
}

}  // namespace netwright
